/* assert.h: programming errors end the process, in every build. */
#ifndef MSK_BASE_ASSERT_H
#define MSK_BASE_ASSERT_H

/* Prints "internal error: FILE:LINE: EXPRESSION" with the request to report it and exits with status 70 (cli.md).
 * With MSK_ABORT in the environment it aborts instead, for a core file. */
_Noreturn void msk_assert_failed(const char *file, int line, const char *expression);

#define msk_assert(expression) ((expression) ? (void)0 : msk_assert_failed(__FILE__, __LINE__, #expression))

#endif
