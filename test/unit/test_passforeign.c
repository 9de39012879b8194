/*
 * test/unit/test_passforeign.c: password hashes of other systems: vectors, damage,
 * costs that would stop a server.
 *
 * Depends on unit.h, the vectors of passwords.h and pbkdf2_vectors.h, core/passhash.
 */
#include "unit.h"

#include <strings.h>
#include <time.h>

#include "core/passhash.h"
#include "passwords.h"
#include "pbkdf2_vectors.h"

#define FOREIGN_COUNT (sizeof(foreign_hashes) / sizeof(foreign_hashes[0]))

static const PassHashPolicy policy = {PASSHASH_BCRYPT, 10, 19456, 2, true};
static const PassHashPolicy strict = {PASSHASH_BCRYPT, 10, 19456, 2, false};

/* Verify strings. */
static Status
Verify(const char *password, const char *hash, bool *match)
{
	*match = true;
	return PassHashVerify(password, strlen(password), hash, strlen(hash), &policy, match);
}

/* A hash must not match, whatever the status. */
static void
CheckRefused(const char *hash, Status expected, const char *name)
{
	const char *scheme;
	bool		match;

	CHECK_STATUS(Verify("password", hash, &match), expected, name);
	CHECK(!match, name);
	CHECK_STATUS(PassHashCheck(hash, strlen(hash), &policy, &scheme), expected, name);
	CHECK(PassHashNeedsRehash(hash, strlen(hash), &policy), name);
}

/* The hashes of others. */
static void
CheckForeign(void)
{
	for (size_t i = 0; i < FOREIGN_COUNT; i++)
	{
		const char *hash = foreign_hashes[i].hash;
		const char *password = foreign_hashes[i].password;
		const char *scheme = NULL;
		char		other[64];
		bool		match;

		CHECK_STATUS(Verify(password, hash, &match), STATUS_OK, UnitName("verifies: %.60s", hash));
		CHECK(match, UnitName("is right: %.60s", hash));

		snprintf(other, sizeof(other), "%s ", password);
		CHECK_STATUS(Verify(other, hash, &match), STATUS_OK, UnitName("a blank more: %.60s", hash));
		CHECK(!match, UnitName("a blank more is wrong: %.60s", hash));
		other[strlen(password) - 1] = '\0';
		CHECK_STATUS(Verify(other, hash, &match), STATUS_OK, UnitName("a byte less: %.60s", hash));
		CHECK(!match, UnitName("a byte less is wrong: %.60s", hash));

		CHECK_STATUS(Verify("", hash, &match), STATUS_PASSWORD_LENGTH, UnitName("empty: %.60s", hash));
		CHECK(!match, UnitName("empty is wrong: %.60s", hash));
		match = true;
		CHECK_STATUS(PassHashVerify("a\0b", 3, hash, strlen(hash), &policy, &match),
					 STATUS_PASSWORD_NUL, UnitName("NUL: %.60s", hash));
		CHECK(!match, UnitName("NUL is wrong: %.60s", hash));
		CHECK_STATUS(Verify("\xff\xfe\xc0", hash, &match), STATUS_OK,
					 UnitName("invalid UTF-8: %.60s", hash));
		CHECK(!match, UnitName("invalid UTF-8 is wrong: %.60s", hash));

		CHECK_STATUS(PassHashCheck(hash, strlen(hash), &policy, &scheme), STATUS_OK,
					 UnitName("is taken: %.60s", hash));
		CHECK(strcmp(scheme, foreign_hashes[i].kind) == 0, UnitName("%s, not %s", foreign_hashes[i].kind, scheme));
		CHECK(PassHashNeedsRehash(hash, strlen(hash), &policy), UnitName("is due for a rehash: %.60s", hash));
	}
}

/* Wycheproof. */
static void
CheckPbkdf2(void)
{
	for (size_t i = 0; i < sizeof(pbkdf2_vectors) / sizeof(pbkdf2_vectors[0]); i++)
	{
		char		password[4096];
		size_t		length = UnitHex(pbkdf2_vectors[i].password, password, sizeof(password));
		const char *hash = pbkdf2_vectors[i].hash;
		bool		match = false;

		CHECK_STATUS(PassHashVerify(password, length, hash, strlen(hash), &policy, &match),
					 STATUS_OK, UnitName("Wycheproof %zu", i));
		CHECK(match, UnitName("Wycheproof %zu is right", i));
	}
}

/* Is it another name for the same?  $2a$ and $2b$ and $2y$ are, and LDAP's in any case. */
static bool
SameHash(const char *damaged, const char *hash)
{
	const char *a = strstr(hash, "$2");
	size_t		name = hash[0] == '{' ? strcspn(hash, "}") : 0;

	if (name > 0 && strncasecmp(damaged, hash, name) == 0 && strcmp(damaged + name, hash + name) == 0)
		return true;
	return a != NULL && strncmp(damaged, hash, (size_t) (a - hash) + 2) == 0 &&
		strchr("aby", damaged[a - hash + 2]) != NULL && strcmp(damaged + (a - hash) + 3, a + 3) == 0;
}

/*
 * Damage at any character, by replacing, removing or doubling it: never right.
 * What takes more than a millisecond is damaged at some characters only; of each
 * kind there is a cheap one.
 */
static void
CheckDamaged(void)
{
	static const char replacements[] = "./AZaz09$,:=!+-_{} \n\x7f\xc3";
	unsigned long ran = 0;
	unsigned long wrong = 0;

	for (size_t i = 0; i < FOREIGN_COUNT; i++)
	{
		const char *hash = foreign_hashes[i].hash;
		size_t		length = strlen(hash);
		struct timespec start;
		struct timespec end;
		char		damaged[512];
		bool		match;
		Status		status;
		size_t		step;

		clock_gettime(CLOCK_MONOTONIC, &start);
		status = Verify(foreign_hashes[i].password, hash, &match);
		clock_gettime(CLOCK_MONOTONIC, &end);
		CHECK(status == STATUS_OK && match, "is good before it is damaged");

		/* a slow one at every so many characters only */
		step = 1 + (size_t) ((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
		for (size_t at = 0; at < length; at += step)
		{
			for (size_t j = 0; j < sizeof(replacements) + 2; j++)
			{
				strcpy(damaged, hash);
				if (j < sizeof(replacements))
					damaged[at] = replacements[j];
				else if (j == sizeof(replacements))
					memmove(damaged + at, damaged + at + 1, length - at);
				else
					memmove(damaged + at + 1, damaged + at, length - at + 1);
				/* a NUL in the middle is part of the text */
				if (memcmp(damaged, hash, length) == 0 || SameHash(damaged, hash))
					continue;
				if (step > 1 && j % 7 != at % 7)
					continue;
				match = true;
				status = PassHashVerify(foreign_hashes[i].password, strlen(foreign_hashes[i].password),
										damaged, length + (j > sizeof(replacements)) - (j == sizeof(replacements)),
										&policy, &match);
				ran++;
				if (match || (status != STATUS_OK && status != STATUS_HASH_FORMAT &&
							  status != STATUS_HASH_COST && status != STATUS_PASSWORD_LENGTH))
				{
					wrong++;
					printf("damaged at %zu: %.*s\n", at, (int) length, damaged);
				}
			}
		}

		/* error, truncated: */
		for (size_t at = 0; at < length; at += 1 + step / 4)
		{
			match = true;
			status = PassHashVerify(foreign_hashes[i].password, strlen(foreign_hashes[i].password),
									hash, at, &policy, &match);
			ran++;
			if (match)
			{
				wrong++;
				printf("truncated to %zu: %s\n", at, hash);
			}
		}
	}
	CHECK(ran > 10000 && wrong == 0, UnitName("none of %lu damaged hashes is right", ran));
}

/* Costs. */
static void
CheckCosts(void)
{
	static const char *const bombs[] = {
		"$argon2id$v=19$m=262145,t=1,p=1$" SALT16 "$u8vjyqRtf1F1GbHUm50Ky/bb81WnGBqIbERKZhQFqs0",
		"$argon2id$v=19$m=999999999,t=1,p=1$" SALT16 "$u8vjyqRtf1F1GbHUm50Ky/bb81WnGBqIbERKZhQFqs0",
		"$argon2id$v=19$m=8,t=999999999,p=1$" SALT16 "$u8vjyqRtf1F1GbHUm50Ky/bb81WnGBqIbERKZhQFqs0",
		"$argon2i$v=19$m=65536,t=17,p=1$" SALT16 "$u8vjyqRtf1F1GbHUm50Ky/bb81WnGBqIbERKZhQFqs0",
		"argon2$argon2id$v=19$m=1048576,t=2,p=8$aFkwSkxxY1hqN05RYWdKYWhzaDVUcw$k1d33pfSuCplG8NYK0ot2Q",
		"$scrypt$ln=19,r=8,p=1$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU",
		"$scrypt$ln=14,r=8,p=17$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU",
		"$scrypt$ln=63,r=8,p=1$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU",
		"$scrypt$ln=64,r=8,p=1$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU",
		"$scrypt$ln=999999999,r=8,p=1$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU",
		"$scrypt$ln=1,r=999999999,p=999999999$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU",
		"$scrypt$ln=40,r=65535,p=65535$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU",
		"scrypt$536870912$seasalt$8$1$"
		"U5L/E4s8HSw/x7c2z5Ose/wRS4Ex+nZFwhoeVl7Y/Ivmfxi7M91P9jpq7MYsDfV9WCzv+HMsQaovdkOikEuBXg==",
		"$pbkdf2-sha256$1500001$" SALT16_DOT "$U5WmfAE9ZX7DDGfhVGEvAbWRBSCz.cxImi8Obt9Bkn4",
		"$pbkdf2$999999999$" SALT16_DOT "$DnMnXxYJJXisfdr5CjMCZS.qjhU",
		"pbkdf2_sha256$999999999$gsL9F4QsybKoFagxjPltpq$J/xifFmdTNLuzgXhYW2a23efgNoAdCaunsp4Fwzzuaw=",
		/* 1 000 000 rounds of SHA-1, two blocks; then 2^32 - 1 */
		"AQAAAAAAD0JAAAAAEAMUJTZHWGl6i5ytvs/g8QLU1ZBRulq+I5GFX+FBlfnw3ykWlOcCqX1H37dyMEl6TQ==",
		"AQAAAAH/////AAAAEAMUJTZHWGl6i5ytvs/g8QIu2nIiBE28bA1ygw+l/YQYU+atBsHTW6G5jYTyNAdAZQ==",
		"$5$rounds=1000001$LiOnRoCk$OvtOBR/det3P8bu0/ZPWgLO5SezhPpUviXJ/hy904h2",
		"$6$rounds=999999999$LiOnRoCk$"
		"246740edxEHMjBnvNyQO8d1yy74hYPxqoQ8l7KVwv6m5xThazExNX0w/.FmHDlBmpaClIQs3EV0sTTpqDPPrx1",
		"$y$jET$J8VnBFJVCwWzic3gi9XZI/$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5",
		"$y$jQT$J8VnBFJVCwWzic3gi9XZI/$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5",
		"$7$L6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
		"$7$z6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
		"$7$C6....zzzzzSodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
		"$7$/zzzzz/....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
		"$fbscrypt$v=1,n=30,r=8,p=1,ss=Bw==,"
		"sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$"
		"42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
		"bcrypt_sha256$$2b$31$EgSFMqruZ.N1/p91Ng21iusepRQFF2aeSjwXurVThuwNI/NO74bea",
		"bcrypt$$2b$15$UoFz1WaiA15Ku8xfptNHHuTojA171jjNBdjKOMp01w37gh12dEula",
		"{CRYPT}$6$rounds=999999999$q$"
		"TUvXPHHMMrcUmW.ZsYkWpMIi9/BGnlYy4RPgxjmJly3pCKC3G7NrBrb748BTcpKOUa7jtFpSF56THHYZw5wNd.",
	};
	clock_t		start = clock();

	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++)
		CheckRefused(bombs[i], STATUS_HASH_COST, UnitName("a cost out of bounds: %.40s", bombs[i]));
	CHECK(clock() - start < CLOCKS_PER_SEC / 2, "and none of them was begun");
}

/* What is not read. */
static void
CheckFormats(void)
{
	static const struct
	{
		const char *hash;
		const char *kind;
	}			others[] = {
		{"$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "bcrypt $2x$"},
		{"$2$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "bcrypt $2$"},
		{"$gy$j9T$4l3oRyLlIB5OxABkrIvm5/$P.6202nKyjOcJUPihzGadpUc1XcyorUuo5/5/3F2Cf3", "gost-yescrypt"},
		{"$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2d"},
		{"$P$HSao9IhfXrO44rI/myY0OkVQb/aEro1", "phpass"},
		{"{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "unsalted SHA-1"},
		{"{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "LDAP SSHA"},
		{"{MD5}PLTnMmMfR+brlh80VUt83g==", "unsalted MD5"},
		{"{md5}PLTnMmMfR+brlh80VUt83g==", "unsalted MD5"},
		{"[SSHA]6QZP6YNgwaawosVF0iqGz5vuiurt/b/3", "unknown"},
		{"{SSHA]6QZP6YNgwaawosVF0iqGz5vuiurt/b/3", "unknown"},
		{"{CRYPT}$1", "unknown"},
		{"md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", "Django MD5"},
		{"*LK*", "locked account"},
		{"!unusable", "locked account"},
		{"", "unknown"},
		{"password", "unknown"},
		{"cGFzc3dvcmQ=", "unknown"},
		{"{CRYPT}{CRYPT}$6$q$x", "unknown"},
		/* error, fields missing, in another order, or more than asked for: */
		{"$argon2id$v=19$t=2,m=256,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		{"$argon2id$v=19$m=256,t=2,p=1,data=AA$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		{"$argon2id$v=18$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		{"$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		{"$argon2id$v=19$m=256,t=2,p=0$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		{"$argon2id$v=19$m=256,t=2,p=33$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		{"$argon2id$v=19$m=0256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		{"$argon2id$v=19$m=+256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		{"$argon2id$v=19$m=4294967552,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "argon2id"},
		/* error, keys too short to mean anything: */
		{"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EA", "argon2id"},
		{"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$", "argon2id"},
		{"$pbkdf2-sha256$12000$" SALT16_DOT "$", "PBKDF2-SHA256"},
		/* error, the first block of a longer key, and the prefix of one: */
		{"$pbkdf2-sha512$12000$" SALT16_DOT "$5JLydUdDfOhSOJsUWZk48Lj1d5D0FPD5RwYg65tAriQ", "PBKDF2-SHA512"},
		{"$scrypt$ln=10,r=8,p=1$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rzw", "scrypt"},
		{"$pbkdf2-sha256$0$" SALT16_DOT "$U5WmfAE9ZX7DDGfhVGEvAbWRBSCz.cxImi8Obt9Bkn4", "PBKDF2-SHA256"},
		{"$scrypt$ln=0,r=8,p=1$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU", "scrypt"},
		{"scrypt$1023$seasalt$8$5$"
			"U5L/E4s8HSw/x7c2z5Ose/wRS4Ex+nZFwhoeVl7Y/Ivmfxi7M91P9jpq7MYsDfV9WCzv+HMsQaovdkOikEuBXg==",
		"Django scrypt"},

		/*
		 * error, parameters that crypt_gensalt() does not make, and rounds that it would
		 * mend:
		 */
		{"$y$jD5.7$LdJMENpBABJJ3hIHjB1Bi.$HboGM6qPrsK.StKYGt6KErmUYtioHreJd98oIugoNB6", "yescrypt"},
		{"$y$.75$J8VnBFJVCwWzic3gi9XZI/$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5", "yescrypt"},
		/* error, a salt that is no whole bytes, by its length, by bits to spare: */
		{"$y$j75$J8VnBFJVCwWzic3gi9XZI$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5", "yescrypt"},
		{"$y$j75$J8VnBFJVCwWzic3gi9XZI2$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5", "yescrypt"},
		{"$y$j75$J8VnBFJVCwWzic3gi9XE$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKkE", "yescrypt"},
		{"$y$j75$$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5", "yescrypt"},
		/* error, a hash with bits to spare, which no password has: */
		{"$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8E", "scrypt of crypt(3)"},
		{"$5$LiOnRoCk$OvtOBR/det3P8bu0/ZPWgLO5SezhPpUviXJ/hy904hE", "SHA256-crypt"},
		{"$6$LiOnRoCk$"
			"246740edxEHMjBnvNyQO8d1yy74hYPxqoQ8l7KVwv6m5xThazExNX0w/.FmHDlBmpaClIQs3EV0sTTpqDPPrx2",
		"SHA512-crypt"},
		{"$1$8charsal$QinvcPq6.2trb9RDER7vm2", "MD5-crypt"},
		{"$5$rounds=999$LiOnRoCk$OvtOBR/det3P8bu0/ZPWgLO5SezhPpUviXJ/hy904h2", "SHA256-crypt"},
		{"$5$rounds=05000$LiOnRoCk$OvtOBR/det3P8bu0/ZPWgLO5SezhPpUviXJ/hy904h2", "SHA256-crypt"},
		{"$5$seventeencharsalt$OvtOBR/det3P8bu0/ZPWgLO5SezhPpUviXJ/hy904h2", "SHA256-crypt"},
		/* error, ASP.NET: another version, digest 3, a salt of 8 bytes, a blob too short */
		{"AgMUJTZHWGl6i5ytvs/g8QLkVVcKrlHR9nVhDKT6Z8OPrDhzg2S6H//oG3o0TzU6Eg==", "unknown"},
		{"AQAAAAMAACcQAAAAEAMUJTZHWGl6i5ytvs/g8QKLj5xRjAuYiY0EuE+cfPJ+yeY5aIw/5ZwpXYQ0KU2ysQ==", "unknown"},
		{"AQAAAAIAACcQAAAACAMUJTZHWGl6i5ytvs/g8QKLj5xRjAuYiY0EuE+cfPJ+yeY5aIw/5ZwpXYQ0KU2ysQ==", "unknown"},
		{"AQAAAAIAACcQ/////wMUJTZHWGl6i5ytvs/g8QKLj5xRjAuYiY0EuE+cfPJ+yeY5aIw/5ZwpXYQ0KU2ysQ==", "unknown"},
		{"AQ==", "unknown"},
		{"AQAAAAIAACcQAAAA", "unknown"},
	};
	char	   *large = malloc(1000000);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		const char *scheme = NULL;

		CheckRefused(others[i].hash, STATUS_HASH_FORMAT, UnitName("not read: %.60s", others[i].hash));
		CHECK(PassHashCheck(others[i].hash, strlen(others[i].hash), &policy, &scheme) != STATUS_OK &&
			  strcmp(scheme, others[i].kind) == 0, UnitName("%s, not %s: %.40s", others[i].kind, scheme, others[i].hash));
	}

	/* error, a megabyte that begins well: */
	memset(large, 'A', 999999);
	large[999999] = '\0';
	CheckRefused(large, STATUS_HASH_FORMAT, "a megabyte of A");
	memcpy(large, "$argon2id$v=19$m=256,t=2,p=1$", 29);
	CheckRefused(large, STATUS_HASH_FORMAT, "a megabyte of argon2id");
	memcpy(large, "pbkdf2_sha256$26000$", 20);
	CheckRefused(large, STATUS_HASH_FORMAT, "a megabyte of PBKDF2");
	free(large);
}

/* MD5-crypt is there for who asks for it. */
static void
CheckWeak(void)
{
	static const char hash[] = "$1$8charsal$QinvcPq6.2trb9RDER7vm0";
	const char *scheme = NULL;
	bool		match = true;

	CHECK_STATUS(PassHashVerify(HORSE, strlen(HORSE), hash, strlen(hash), &strict, &match),
				 STATUS_HASH_WEAK, "MD5-crypt is refused");
	CHECK(!match, "and does not match");
	CHECK_STATUS(PassHashCheck(hash, strlen(hash), &strict, &scheme), STATUS_HASH_WEAK, "also at import");
	CHECK(strcmp(scheme, "MD5-crypt") == 0, "by name");
	match = true;
	CHECK_STATUS(PassHashVerify(HORSE, strlen(HORSE), "{CRYPT}$1$8charsal$QinvcPq6.2trb9RDER7vm0", 41,
								&strict, &match), STATUS_HASH_WEAK, "also behind {CRYPT}");
	CHECK(!match, "no match there either");
}

/* Long passwords. */
static void
CheckLengths(void)
{
	static char password[1000001];
	static const char of_4096[] = "$argon2id$v=19$m=64,t=1,p=1$" SALT16
	"$ul/pup1zB3fKx2gFztMFJD8OQDxpyQeZsoQR9HbVEY4";
	static const char of_511[] = "$6$rounds=1000$q$"
	"7ITzKU8SPgxi3j7m1HTb3tP9VxKCrn9A5R.ZIjU7rXDMyfB7OymBbrQaUQcZ7Qpiu8QdiWzfWhxmZPapNtqrX/";
	clock_t		start;
	bool		match = false;

	memset(password, 'p', sizeof(password));
	CHECK_STATUS(PassHashVerify(password, 4096, of_4096, strlen(of_4096), &policy, &match), STATUS_OK,
				 "argon2id takes 4096 bytes");
	CHECK(match, "all of them");
	CHECK_STATUS(PassHashVerify(password, 4095, of_4096, strlen(of_4096), &policy, &match), STATUS_OK,
				 "and 4095");
	CHECK(!match, "which are not the same");
	CHECK_STATUS(PassHashVerify(password, 4097, of_4096, strlen(of_4096), &policy, &match),
				 STATUS_PASSWORD_LENGTH, "not 4097");
	memset(password, 'x', sizeof(password));
	CHECK_STATUS(PassHashVerify(password, 511, of_511, strlen(of_511), &policy, &match), STATUS_OK,
				 "SHA-crypt takes 511 bytes");
	CHECK(match, "all of them");
	CHECK_STATUS(PassHashVerify(password, 512, of_511, strlen(of_511), &policy, &match),
				 STATUS_PASSWORD_LENGTH, "not 512");

	start = clock();
	for (size_t i = 0; i < FOREIGN_COUNT; i++)
	{
		match = true;
		CHECK_STATUS(PassHashVerify(password, 1000000, foreign_hashes[i].hash, strlen(foreign_hashes[i].hash),
									&policy, &match), STATUS_PASSWORD_LENGTH,
					 UnitName("a megabyte: %.60s", foreign_hashes[i].hash));
		CHECK(!match, "and no match");
	}
	/* error, SHA-crypt hashes the password in each round: */
	match = true;
	CHECK_STATUS(PassHashVerify(password, 65, "$5$rounds=1000000$LiOnRoCk$OvtOBR/det3P8bu0/ZPWgLO5SezhPpUviXJ/hy904h2",
								70, &policy, &match), STATUS_PASSWORD_LENGTH, "a long password under many rounds");
	CHECK(!match && clock() - start < CLOCKS_PER_SEC / 4, "what is too long costs no work");
}

int
main(void)
{
	CheckForeign();
	CheckPbkdf2();
	CheckCosts();
	CheckFormats();
	CheckWeak();
	CheckLengths();
	CheckDamaged();
	return UnitEnd();
}
