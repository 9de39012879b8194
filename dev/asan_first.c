/*
 * dev/asan_first.c: starts the runtime of ASan before any other library.
 *
 * Preloaded behind libasan.so for a server that is built without it, and linked
 * with -z initfirst.  Where the server is linked with libldap, the constructor
 * of libgpg-error calls bindtextdomain(), which holds the lock of gettext while
 * it allocates; that allocation starts ASan, whose dlerror() translates a
 * message and releases the lock once too often (glibc 2.36, gcc 12).  The
 * server's own bindtextdomain() then waits for ever.
 */
#include <stdlib.h>

static __attribute__((constructor)) void
First(void)
{
	void	   *volatile nothing = malloc(1);

	free(nothing);
}
