/* SPDX-License-Identifier: MIT */
#include "cmd/report.h"

#include <stdio.h>
#include <string.h>

#include "core/host.h"
#include "core/message.h"

static const char *plural(unsigned long count)
{
	return count == 1 ? "" : "s";
}

static enum exit_code refused(
	char *text, const struct guest_progress *p, const struct report_about *about)
{
	const char *help = "ask whoever runs the host";

	if (p->refused == HOST_REFUSAL_FULL)
		help = "try again later, or ask for a higher --max-guests there";
	else if (p->refused == HOST_REFUSAL_NETWORK)
		help = "try again later, or ask for a higher --max-guests-per-network "
		       "there";
	else if (p->refused == HOST_REFUSAL_HALF_OPEN)
		help = "try again later, or ask for a higher --max-half-open there";
	else if (p->refused == HOST_REFUSAL_DENIED)
		help = "ask whoever runs it to allow, in the file of --guests, the "
		       "fingerprint ";
	snprintf(text, REPORT_MAX, "the host refuses: %s; %s%s",
		host_refusal_text(p->refused), help,
		p->refused == HOST_REFUSAL_DENIED ? about->guest : "");
	return EXIT_REFUSED;
}

static enum exit_code version(
	char *text, const struct guest_progress *p, const struct report_about *about)
{
	const char *who =
		p->rendezvous_heard ? "the host, met by way of" : "the rendezvous";

	snprintf(text, REPORT_MAX,
		"%s %s%s speaks version %u of the protocol and this eyelet version %d: "
		"update "
		"the older one",
		who, about->servers, p->rendezvous_heard ? "," : "", p->version,
		WIRE_VERSION);
	return EXIT_FAILED;
}

static enum exit_code no_service(
	char *text, const struct guest_progress *p, const struct report_about *about)
{
	snprintf(text, REPORT_MAX,
		"no such service: %s answered, but knows no host for this ticket or key "
		"(asked "
		"for %u s, %u attempt%s): either \"eyelet serve\" is not running and "
		"registered "
		"there, or the ticket or key is not the one it has; a rendezvous cannot "
		"tell "
		"these apart",
		about->servers, about->seconds, p->tries, plural(p->tries));
	return EXIT_NO_SERVICE;
}

static enum exit_code refused_by_rendezvous(
	char *text, const struct guest_progress *p, const struct report_about *about)
{
	const char *help = "try again later, or name a second rendezvous on both sides";

	if (p->refused_by_rendezvous == REFUSAL_NOT_ALLOWED)
		help = "its operator has to add the service's name to the --allow file";
	else if (p->refused_by_rendezvous == REFUSAL_WRONG_ADDRESS)
		help = "its operator has to name this address by --public";
	snprintf(text, REPORT_MAX, "%s does not help: %s (%u attempt%s in %u s); %s",
		about->servers, refusal_text(p->refused_by_rendezvous), p->tries,
		plural(p->tries), about->seconds, help);
	return EXIT_UNREACHABLE;
}

static enum exit_code silence(char *text, const struct report_about *about)
{
	bool has_trouble = about->trouble != NULL && *about->trouble != '\0';

	snprintf(text, REPORT_MAX,
		"unreachable: %s did not answer for %u s: check its name and port, that "
		"\"eyelet rendezvous\" (or \"eyelet serve\" without -r) runs there, and "
		"that no "
		"firewall here or there blocks UDP%s%s",
		about->servers, about->seconds, has_trouble ? "; besides UDP: " : "",
		has_trouble ? about->trouble : "");
	return EXIT_UNREACHABLE;
}

static enum exit_code no_path(
	char *text, const struct guest_progress *p, const struct report_about *about)
{
	const char *why = "a NAT that changes its port with every destination, or a "
			  "firewall that blocks UDP, is in the way; IPv6 on both sides, "
			  "or a forwarded port at the host and \"serve --public "
			  "ADDR:PORT\", would help";
	char known[REASON_MAX];

	if (about->facts != NULL && reason_of(about->facts) != REASON_UNKNOWN)
		why = reason_sentence(known, about->facts);
	snprintf(text, REPORT_MAX,
		"unreachable: the host answered by way of %s, but none of its %u "
		"address%s let us through (%u attempt%s in %u s), and there is no relay: "
		"%s",
		about->servers, p->addresses, p->addresses == 1 ? "" : "es", p->tries,
		plural(p->tries), about->seconds, why);
	return EXIT_UNREACHABLE;
}

static enum exit_code timed_out(
	char *text, const struct guest_progress *p, const struct report_about *about)
{
	const char *seen =
		p->service_found
			? "knows the service, but its host did not answer by way of it: "
			  "perhaps the host has just gone, or its own network fails"
			: "answered, but did not say whether it knows the service: "
			  "perhaps datagrams are lost on the way";

	snprintf(text, REPORT_MAX,
		"timed out: %s %s (%u attempt%s in %u s); see the host's log, or allow "
		"more time "
		"by --timeout",
		about->servers, seen, p->tries, plural(p->tries), about->seconds);
	return EXIT_TIMED_OUT;
}

/* The furthest that was reached, told last to first, but for plain words of the others.
 */
static enum exit_code judge(
	char *text, const struct guest_progress *p, const struct report_about *about)
{
	if (p->refused != 0)
		return refused(text, p, about);
	if (p->version != 0)
		return version(text, p, about);
	if (p->host_answered && !p->no_service)
		return no_path(text, p, about);
	if (p->no_service)
		return no_service(text, p, about);
	if (p->refused_by_rendezvous != 0 && !p->service_found)
		return refused_by_rendezvous(text, p, about);
	if (!p->rendezvous_heard)
		return silence(text, about);
	return timed_out(text, p, about);
}

enum exit_code report_failure(
	char *text, const struct guest_progress *p, const struct report_about *about)
{
	enum exit_code code = judge(text, p, about);
	size_t len = strlen(text);

	if (about->by != NULL)
		snprintf(text + len, REPORT_MAX - len,
			"; UDP seems to be blocked here: no rendezvous answered but by "
			"%s",
			about->by);
	return code;
}
