/* SPDX-License-Identifier: MIT */
/* The state directory and its secrets, on a real one of each test's own. */
#include "state_fixture.h"

#include <sys/wait.h>

#include "cmd/guests.h"
#include "cmd/record.h"

/* The directory. */

static void the_directory_is_made(void **state)
{
	char wanted[128];
	struct stat st;
	struct state s;

	(void)state;
	snprintf(wanted, sizeof(wanted), "%s/a/b/c", directory);
	setenv("STATE_DIRECTORY", wanted, 1);
	s = opened();
	assert_string_equal(s.dir, wanted);
	assert_int_equal(stat(wanted, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_string_equal(warnings, "");
}

static void the_first_of_systemds_list_is_taken(void **state)
{
	char list[160];
	struct state s;

	(void)state;
	snprintf(list, sizeof(list), "%s/one:%s/two", directory, directory);
	setenv("STATE_DIRECTORY", list, 1);
	s = opened();
	assert_string_equal(s.dir, path_of("one"));
	assert_false(is_there("two"));
}

static void without_systemd_it_is_the_users(void **state)
{
	struct state s;

	(void)state;
	unsetenv("STATE_DIRECTORY");
	setenv("XDG_STATE_HOME", path_of("xdg"), 1);
	s = opened();
	assert_string_equal(s.dir, path_of("xdg/eyelet"));
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("HOME", path_of("home"), 1);
	s = opened();
	assert_string_equal(s.dir, path_of("home/.local/state/eyelet"));
	unsetenv("XDG_STATE_HOME");
	s = opened();
	assert_string_equal(s.dir, path_of("home/.local/state/eyelet"));
	assert_true(is_there("home/.local/state/eyelet"));
}

static void without_any_the_run_goes_on(void **state)
{
	struct service service, again;
	struct guests g;
	struct state s;

	(void)state;
	write_file("file", "", 0);
	setenv("STATE_DIRECTORY", path_of("file/below"), 1);
	s = opened();
	assert_warned("cannot make the state directory");
	assert_warned("file/below");
	assert_string_equal(s.dir, "");
	state_service(&s, "x", &service);
	state_service(&s, "x", &again);
	assert_memory_not_equal(&service, &again, sizeof(service));
	assert_true(state_lock(&s, "x"));
	guests_load(&g, &s, "x", NULL, NULL);
	guests_add(&g, service.seed, 1);
}

static void names_suit_files(void **state)
{
	char name[STATE_NAME_MAX], longest[200];

	(void)state;
	state_name_from(name, "27015");
	assert_string_equal(name, "27015");
	state_name_from(name, "[2001:db8::1]:5");
	assert_string_equal(name, "2001-db8--1-5");
	state_name_from(name, "../../etc/passwd:5");
	assert_string_equal(name, "..-..-etc-passwd-5");
	state_name_from(name, "");
	assert_string_equal(name, "-");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	state_name_from(name, longest);
	assert_int_equal(strlen(name), STATE_NAME_MAX - 1);
	assert_true(state_name_valid(name));
	assert_false(state_name_valid(longest));
	assert_false(state_name_valid(""));
	assert_false(state_name_valid("a/b"));
	assert_false(state_name_valid("a b"));
	assert_true(state_name_valid("My-game_2.0"));
}

static void two_processes_do_not_share_a_name(void **state)
{
	struct state s = opened();
	int status;
	pid_t child;

	(void)state;
	assert_true(state_lock(&s, "a"));
	child = fork();
	if (child == 0)
		_exit((state_lock(&s, "a") ? 1 : 0) + (state_lock(&s, "b") ? 0 : 2));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Secrets. */

static void secrets_are_the_same_in_the_next_run(void **state)
{
	struct service service, again, other;
	uint8_t instance[INSTANCE_SIZE], instance_again[INSTANCE_SIZE];
	uint8_t identity[CRYPTO_KEY_SIZE], identity_again[CRYPTO_KEY_SIZE];
	struct state s = opened();

	(void)state;
	state_service(&s, "a", &service);
	state_instance(&s, "a", instance);
	state_identity(&s, "service", identity);
	s = opened();
	state_service(&s, "a", &again);
	state_service(&s, "b", &other);
	state_instance(&s, "a", instance_again);
	state_identity(&s, "service", identity_again);
	assert_memory_equal(&service, &again, sizeof(service));
	assert_memory_not_equal(&service, &other, sizeof(service));
	assert_memory_equal(instance, instance_again, sizeof(instance));
	assert_memory_equal(identity, identity_again, sizeof(identity));
	assert_string_equal(warnings, "");
}

/* Takes the identity for a service in a process of its own, which then ends; returns what
 * its first byte was. */
static uint8_t identity_elsewhere(const char *service)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		uint8_t identity[CRYPTO_KEY_SIZE];
		struct state s = opened();

		random_u64(&random_state); /* else it would make the same as its parent */
		state_identity(&s, service, identity);
		_exit(identity[0]);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return (uint8_t)WEXITSTATUS(status);
}

static void two_processes_are_two_guests_of_a_service(void **state)
{
	uint8_t identity[CRYPTO_KEY_SIZE], second;
	struct state s = opened();

	(void)state;
	state_identity(&s, "service", identity);
	second = identity_elsewhere("service");
	assert_int_equal(identity_elsewhere("service"), second);
	assert_true(is_there("identity-2"));
	assert_false(is_there("identity-3"));
	assert_int_equal(identity_elsewhere("another"), identity[0]);
	if (second == identity[0]) /* by chance, once in 256 */
		print_message("           first bytes alike\n");
}

static void secrets_are_for_their_owner_only(void **state)
{
	struct service service;
	struct stat st;
	struct state s = opened();
	mode_t mask = umask(0);

	(void)state;
	state_service(&s, "a", &service);
	umask(mask);
	assert_int_equal(stat(path_of("service-a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chmod(path_of("service-a"), 0644), 0);
	state_service(&s, "a", &service);
	assert_warned("others can read");
	assert_warned("0644");
}

static void nothing_is_left_beside_them(void **state)
{
	static const char *const expected[] = {"service-a", "guests-a", "locks"};
	struct service service;
	struct guests g;
	struct state s = opened();

	(void)state;
	state_service(&s, "a", &service);
	guests_load(&g, &s, "a", NULL, NULL);
	guests_add(&g, service.seed, 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(unlink(path_of(expected[i])), 0);
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
}

/* Every way to cut a file short, and every flipped bit: never a crash, never silence, and
 * the file as it was is still there. */
static void damage_of(const char *text, size_t len)
{
	struct state s = opened();
	char kept[RECORD_TEXT_MAX], sentence[] = "is damaged";
	struct service service, next;

	warnings[0] = '\0';
	write_file("service-a", text, len);
	chmod(path_of("service-a"), 0600);
	state_service(&s, "a", &service);
	assert_warned(sentence);
	assert_warned("service-a.damaged");
	assert_int_equal(read_whole("service-a.damaged", kept, sizeof(kept)), len);
	assert_memory_equal(kept, text, len);
	state_service(&s, "a", &next);
	assert_memory_equal(&service, &next, sizeof(service));
	assert_int_equal(unlink(path_of("service-a.damaged")), 0);
}

static void damaged_secrets_are_put_aside(void **state)
{
	char text[RECORD_TEXT_MAX];
	struct service service;
	struct state s = opened();
	size_t len;

	(void)state;
	state_service(&s, "a", &service);
	len = read_whole("service-a", text, sizeof(text));
	for (size_t cut = 0; cut < len; cut += 7)
		damage_of(text, cut);
	for (size_t i = 0; i < len; i++) {
		text[i] = (char)(text[i] ^ 1 << i % 7);
		damage_of(text, len);
		text[i] = (char)(text[i] ^ 1 << i % 7);
	}
	text[len] = 'x';
	damage_of(text, len + 1);
}

static void every_damaged_file_is_kept(void **state)
{
	struct service service;
	struct state s = opened();
	char text[64];

	(void)state;
	for (int i = 0; i < 3; i++) {
		write_file("service-a", &"abc"[i], 1);
		state_service(&s, "a", &service);
	}
	read_whole("service-a.damaged", text, sizeof(text));
	assert_string_equal(text, "a");
	read_whole("service-a.damaged.1", text, sizeof(text));
	assert_string_equal(text, "b");
	read_whole("service-a.damaged.2", text, sizeof(text));
	assert_string_equal(text, "c");
}

static void a_huge_file_is_damage(void **state)
{
	char text[2 * RECORD_TEXT_MAX];
	struct service service;
	struct state s = opened();

	(void)state;
	memset(text, 'x', sizeof(text));
	write_file("service-a", text, sizeof(text));
	state_service(&s, "a", &service);
	assert_warned("too long");
	assert_true(is_there("service-a.damaged"));
}

static void another_version_is_said(void **state)
{
	static const char text[] = "eyelet-service 2\nwho knows\n";
	struct service service;
	struct state s = opened();

	(void)state;
	write_file("service-a", text, sizeof(text) - 1);
	state_service(&s, "a", &service);
	assert_warned("another version of eyelet");
	assert_true(is_there("service-a.damaged"));
}

static void what_cannot_be_read_stays(void **state)
{
	struct service service;
	struct state s = opened();

	(void)state;
	assert_int_equal(mkdir(path_of("service-a"), 0700), 0);
	state_service(&s, "a", &service);
	assert_warned("for this run");
	assert_true(is_there("service-a"));
	assert_false(is_there("service-a.damaged"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_directory_is_made),
		TEST(the_first_of_systemds_list_is_taken),
		TEST(without_systemd_it_is_the_users),
		TEST(without_any_the_run_goes_on),
		TEST(names_suit_files),
		TEST(two_processes_do_not_share_a_name),
		TEST(secrets_are_the_same_in_the_next_run),
		TEST(two_processes_are_two_guests_of_a_service),
		TEST(secrets_are_for_their_owner_only),
		TEST(nothing_is_left_beside_them),
		TEST(damaged_secrets_are_put_aside),
		TEST(every_damaged_file_is_kept),
		TEST(a_huge_file_is_damage),
		TEST(another_version_is_said),
		TEST(what_cannot_be_read_stays),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
