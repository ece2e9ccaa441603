/* Messages on standard error: names and arguments in them act on no terminal. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

/* One line, after the name of the program. */
void say(const char *text);

#endif
