/* SPDX-License-Identifier: MIT */
/* The state directory, its secrets and its list of guests, on a real one of each test's
 * own. */
#include "cmd/state.h"
#include "cmd/file.h"
#include "cmd/guests.h"
#include "cmd/record.h"
#include "unit.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];
static char warnings[16384]; /* all sentences of the test, a line each */
static uint64_t random_state;

static void warn(const char *sentence)
{
	strncat(warnings, sentence, sizeof(warnings) - strlen(warnings) - 2);
	strcat(warnings, "\n");
}

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static const struct entropy entropy = {fill, &random_state};

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/eyelet-state-XXXXXX");
	warnings[0] = '\0';
	return mkdtemp(directory) == NULL || setenv("STATE_DIRECTORY", directory, 1);
}

static int delete_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(directory, delete_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct state opened(void)
{
	struct state s;

	state_open(&s, &entropy, warn);
	return s;
}

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void write_file(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static size_t read_whole(const char *name, char *text, size_t cap)
{
	ssize_t len = file_read(path_of(name), text, cap);

	if (len < 0)
		fail_msg("%s: %s", name, strerror((int)-len));
	return (size_t)len;
}

static bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

#define assert_warned(words)                                                             \
	do {                                                                             \
		if (strstr(warnings, words) == NULL)                                     \
			fail_msg("\"%s\" is not in: %s", words, warnings);               \
	} while (0)

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

static void records_name_their_kind(void **state)
{
	uint8_t bytes[4] = {1, 2, 0xab, 0xff}, other[4];
	const struct record_field in = {"key", bytes, 4}, out = {"key", other, 4};
	char text[RECORD_TEXT_MAX];

	(void)state;
	record_encode(text, &(struct record){"eyelet-a", &in, 1});
	assert_non_null(strstr(text, "eyelet-a 1\nkey 0102abff\ncheck "));
	assert_non_null(record_decode(&(struct record){"eyelet-b", &out, 1}, text));
	assert_null(record_decode(&(struct record){"eyelet-a", &out, 1}, text));
	assert_memory_equal(bytes, other, 4);
}

/* Guests. */

struct known {
	uint8_t identities[16][32];
	uint32_t numbers[16];
	unsigned count;
};

static void know(void *arg, const uint8_t identity[32], uint32_t number)
{
	struct known *k = arg;

	assert_true(k->count < 16);
	memcpy(k->identities[k->count], identity, 32);
	k->numbers[k->count++] = number;
}

static struct guests loaded(const struct state *s, struct known *k)
{
	struct guests g;

	*k = (struct known){.count = 0};
	guests_load(&g, s, "a", know, k);
	return g;
}

static void add_guests(const struct state *s, uint32_t first, uint32_t last)
{
	struct known k;
	struct guests g = loaded(s, &k);
	uint8_t identity[32];

	for (uint32_t n = first; n <= last; n++) {
		memset(identity, (int)n, sizeof(identity));
		guests_add(&g, identity, n);
	}
}

static void expect_guests(const struct state *s, unsigned count)
{
	struct known k;

	loaded(s, &k);
	assert_int_equal(k.count, count);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t identity[32];

		memset(identity, (int)i + 1, sizeof(identity));
		assert_int_equal(k.numbers[i], i + 1);
		assert_memory_equal(k.identities[i], identity, sizeof(identity));
	}
}

static void guests_are_known_again(void **state)
{
	struct state s = opened();
	struct stat st;

	(void)state;
	expect_guests(&s, 0);
	add_guests(&s, 1, 2);
	expect_guests(&s, 2);
	add_guests(&s, 3, 5);
	expect_guests(&s, 5);
	assert_string_equal(warnings, "");
	assert_int_equal(stat(path_of("guests-a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void the_last_line_cut_short_costs_one_guest(void **state)
{
	struct state s = opened();
	char text[1024], kept[1024];
	size_t len;

	(void)state;
	add_guests(&s, 1, 3);
	len = read_whole("guests-a", text, sizeof(text));
	write_file("guests-a", text, len - 5);
	expect_guests(&s, 2);
	assert_warned("guests-a is damaged in line 4: 2 guests are known");
	assert_int_equal(read_whole("guests-a.damaged", kept, sizeof(kept)), len - 5);
	warnings[0] = '\0';
	expect_guests(&s, 2);
	assert_string_equal(warnings, "");
	add_guests(&s, 3, 4);
	expect_guests(&s, 4);
}

static void garbage_is_no_guest(void **state)
{
	static const char *const garbage[] = {"", "\n", "x\n", "eyelet-guests 2\n",
		"eyelet-guests 1\nAAAA 1\n", "eyelet-guests 1\n\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 0\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA -1\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 99999999\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 1 2\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB 1\n"};
	struct state s = opened();

	(void)state;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		warnings[0] = '\0';
		write_file("guests-a", garbage[i], strlen(garbage[i]));
		expect_guests(&s, 0);
		assert_warned("is damaged in line");
		add_guests(&s, 1, 1);
		expect_guests(&s, 1);
	}
}

static void random_bytes_are_no_guests(void **state)
{
	struct state s = opened();
	char text[4096];
	struct known k;

	(void)state;
	for (int i = 0; i < 20; i++) {
		random_bytes(&random_state, (uint8_t *)text, sizeof(text));
		write_file("guests-a", text, sizeof(text));
		loaded(&s, &k);
		assert_int_equal(k.count, 0);
		assert_warned("is damaged");
	}
}

static void an_unreadable_list_is_left_alone(void **state)
{
	struct state s = opened();
	struct known k;
	struct guests g;

	(void)state;
	assert_int_equal(mkdir(path_of("guests-a"), 0700), 0);
	g = loaded(&s, &k);
	guests_add(&g, (const uint8_t[32]){1}, 1);
	guests_add(&g, (const uint8_t[32]){2}, 2);
	assert_true(is_there("guests-a"));
	assert_non_null(strchr(warnings, '\n'));
	assert_string_equal(strchr(warnings, '\n'), "\n"); /* one sentence */
}

static int start(void **state)
{
	(void)state;
	random_state = random_start();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(records_name_their_kind),
		TEST(guests_are_known_again),
		TEST(the_last_line_cut_short_costs_one_guest),
		TEST(garbage_is_no_guest),
		TEST(random_bytes_are_no_guests),
		TEST(an_unreadable_list_is_left_alone),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
