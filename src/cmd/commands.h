/* SPDX-License-Identifier: MIT */
/* The subcommands. Each takes its arguments with its own name as argv[0], and returns an
 * enum exit_code. Secrets among the arguments are overwritten. */
#ifndef EYELET_CMD_COMMANDS_H
#define EYELET_CMD_COMMANDS_H

int rendezvous_main(int argc, char **argv);
int serve_main(int argc, char **argv);
int connect_main(int argc, char **argv);
int netcheck_main(int argc, char **argv);
int keygen_main(int argc, char **argv);

#endif
