/*
 * test/fuzz/hashes.h: hashes of one password at the least cost, one or more of each
 * form, and how much work a hash is.
 *
 * They were made by other implementations: scrypt and PBKDF2 of least cost by
 * Python's hashlib, Firebase's cipher by openssl enc, the first by Python's crypt;
 * the others are those of test/unit/passwords.h.  Depends on core/passscheme.h.
 */
#ifndef FUZZ_HASHES_H
#define FUZZ_HASHES_H

#include "core/passscheme.h"

#define PASSWORD "correct horse"

static const char *const hashes[] = {
	"$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
	"$argon2id$v=19$m=64,t=1,p=1$yNXi7/wJFiMwPUpXZHF+iw$"
	"eJvPp/K1/7eXDVnOrpXJAWT9D7pQStRLb1kZOu3xuWWFwTE88qpBed0K5agHaD6HEYNaY+LyI3wmlhpzZ/81eg",
	"$argon2id$v=19$m=1024,t=2,p=1$yNXi7/wJFiMwPUpXZHF+iw$u8vjyqRtf1F1GbHUm50Ky/bb81WnGBqIbERKZhQFqs0",
	"$argon2id$v=16$m=256,t=2,p=1$yNXi7/wJFiMwPUpXZHF+iw$Yh9rElHU/9n41GwWboHuwIY9ORQKRtuobvGQjH8daAQ",
	"$argon2i$v=19$m=256,t=1,p=1$yNXi7/wJFiMwPUpXZHF+iw$sYoM0vI6GnnWZqK6XWVlxo7Qt9/9jxv+Jgfp3IhAOvA",
	"$argon2i$m=256,t=2,p=1$yNXi7/wJFiMwPUpXZHF+iw$z0lxmUz50yNPTJdMMr51umCmNW8Z69IiB0EvdS4NGYo",
	"$scrypt$ln=4,r=2,p=1$yNXi7/wJFiMwPUpXZHF+iw$uLFad+ax3+zJi1df0yQ3n4UIb+Kx7ROfW24d8V044Xw",
	"$fbscrypt$v=1,n=4,r=1,p=1,ss=Bw==,sk=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=$"
	"yNXi7/wJFg==$sV81dmp3jMR70X1Rab1L4Rz/gaYjnRzY2pbko2qnNdo=",
	"$pbkdf2$3$yNXi7/wJFiMwPUpXZHF.iw$fRjgLS9fRp6FlRX77zG3AweUj/Q",
	"$pbkdf2-sha256$3$yNXi7/wJFiMwPUpXZHF.iw$6HA0vQd6MM81CYEZb00hsR43H4XW2C2mx07LR07wqNw",
	"$pbkdf2-sha512$3$yNXi7/wJFiMwPUpXZHF.iw$"
	"8LQ3hnM3HOEGD3nA3FUylILE5gCV0lvX7.L/o6rKmM0q4hilFQYvev13L7ePPaplgLAt3OO0WZG4g/NNbsTd6w",
	"$y$j75$J8VnBFJVCwWzic3gi9XZI/$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5",
	"$7$2/..../....seasalt$DBnpfgckLdm9kHA1mRw3AyMfZBJoP4pwydE2MzdjJzC",
	"$5$rounds=1234$sixteencharsalt.$ap8xmQrlaHj93SuhxSYdIwmtDEWAFCazHyC4HIWVQsD",
	"{CRYPT}$6$rounds=1000$q$"
	"TUvXPHHMMrcUmW.ZsYkWpMIi9/BGnlYy4RPgxjmJly3pCKC3G7NrBrb748BTcpKOUa7jtFpSF56THHYZw5wNd.",
	"$1$8charsal$QinvcPq6.2trb9RDER7vm0",
	"pbkdf2_sha1$3$seasalt$GlDK+tfSVLo1cdriyfc3AdnVzmo=",
	"pbkdf2_sha256$3$seasalt$D+imGfzLBn1iyBN37gvSIBVGSNMPUvcsVQLlc1IoiOg=",
	"scrypt$16$seasalt$1$2$"
	"sP00CWelZDktisV8j0Yj6+xyssxn3BvaXTt5eO1pCTFt/7NxGuvRW9GaZnpyZc5mjZ68qM3OSDIyAQ4NnR5ChA==",
	"bcrypt_sha256$$2b$05$EgSFMqruZ.N1/p91Ng21iusepRQFF2aeSjwXurVThuwNI/NO74bea",
	"bcrypt$$2b$05$UoFz1WaiA15Ku8xfptNHHuTojA171jjNBdjKOMp01w37gh12dEula",
	"{SSHA}6QZP6YNgwaawosVF0iqGz5vuiurt/b/3",
	"{SSHA256}gapYzS3JkEbR2hVkFcFejRIGNgyvdlEnIrV+jU5T7U2y1hojhLB2zg==",
	"{SSHA512}j7MSyPLrreIdy833yUl94a9/cZGD4MnmH72OV/fGg9jygWi0qDaGFdNcpbqSit1uL/B5PhQibuwWbXeg03wJLoewNsb4H6N0",
	"AMjV4u/8CRYjMD1KV2Rxfos4qLMVuOez7qcI+D2FnB6BqmXjGuD1h+F55HFuqNuY8w==",
	"AQAAAAAAAAADAAAAEMjV4u/8CRYjMD1KV2Rxfot9GOAtL19GnoWVFfvvMbcDB5SP9HlLsDEcnPIjgWZ4nw==",
	"AQAAAAEAAAADAAAAEMjV4u/8CRYjMD1KV2RxfovocDS9B3owzzUJgRlvTSGxHjcfhdbYLabHTstHTvCo3A==",
	"AQAAAAIAAAADAAAAEMjV4u/8CRYjMD1KV2RxfovwtDeGczcc4QYPecDcVTKUgsTmAJXSW9fv4v+jqsqYzQ==",
	/* has one cost only, so that it is read, and never computed */
	"ff05d6143eb32d206c327a369e678d0a:"
	"8a32d77ed64908a3eb958bcd7b964d9818a449e8d235c3ca054a1678b464c4b0"
	"1604378d8f6428e6f0278112ceb46480e698edd318534ec5100a829914b699b2",
};

#define HASH_COUNT (sizeof(hashes) / sizeof(hashes[0]))
#define HASH_SIZE 256			/* of each, room to grow included */

/* The families: what counts as their work, and how much of it is too much here. */
typedef enum Work
{
	WORK_NONE,
	WORK_LOGARITHM,				/* bcrypt */
	WORK_MEMORY,				/* argon2: KiB times passes */
	WORK_BLOCKS,				/* scrypt: N r p */
	WORK_ROUNDS					/* of SHA-crypt and PBKDF2 */
} Work;

static const uint64_t most_work[] = {0, 5, 2048, 8192, 2000};

/* How a form is read: its parts, without the table of passhash.c. */
static const struct
{
	PassScheme	scheme;			/* name, prefix, parse, digest */
	Work		work;
	bool		shifts;			/* several texts are the same hash */
}			forms[] = {
	{{"bcrypt", "$2b$", PassParseBcrypt, NULL, 0, NULL, false}, WORK_LOGARITHM, true},
	{{"bcrypt", "$2a$", PassParseBcrypt, NULL, 0, NULL, false}, WORK_LOGARITHM, true},
	{{"bcrypt", "$2y$", PassParseBcrypt, NULL, 0, NULL, false}, WORK_LOGARITHM, true},
	{{"argon2id", "$argon2id$", PassParseArgon2, NULL, 0, NULL, false}, WORK_MEMORY, true},
	{{"argon2i", "$argon2i$", PassParseArgon2, NULL, 0, NULL, false}, WORK_MEMORY, true},
	{{"scrypt", "$scrypt$", PassParseScrypt, NULL, 0, NULL, false}, WORK_BLOCKS, false},
	{{"Firebase scrypt", "$fbscrypt$", PassParseFirebase, NULL, 0, NULL, false}, WORK_BLOCKS, true},
	{{"PBKDF2-SHA1", "$pbkdf2$", PassParsePasslibPbkdf2, NULL, 0, "SHA1", false}, WORK_ROUNDS, false},
	{{"PBKDF2-SHA256", "$pbkdf2-sha256$", PassParsePasslibPbkdf2, NULL, 0, "SHA256", false}, WORK_ROUNDS, false},
	{{"PBKDF2-SHA512", "$pbkdf2-sha512$", PassParsePasslibPbkdf2, NULL, 0, "SHA512", false}, WORK_ROUNDS, false},
	{{"yescrypt", "$y$", PassParseYescrypt, NULL, 0, NULL, false}, WORK_BLOCKS, false},
	{{"scrypt of crypt(3)", "$7$", PassParseCryptScrypt, NULL, 0, NULL, false}, WORK_BLOCKS, false},
	{{"SHA256-crypt", "$5$", PassParseShaCrypt, NULL, 0, NULL, false}, WORK_ROUNDS, false},
	{{"SHA512-crypt", "$6$", PassParseShaCrypt, NULL, 0, NULL, false}, WORK_ROUNDS, false},
	{{"MD5-crypt", "$1$", PassParseMd5Crypt, NULL, 0, NULL, true}, WORK_NONE, false},
	{{"Django PBKDF2-SHA1", "pbkdf2_sha1$", PassParseDjangoPbkdf2, NULL, 0, "SHA1", false}, WORK_ROUNDS, false},
	{{"Django PBKDF2-SHA256", "pbkdf2_sha256$", PassParseDjangoPbkdf2, NULL, 0, "SHA256", false}, WORK_ROUNDS, false},
	{{"Django scrypt", "scrypt$", PassParseDjangoScrypt, NULL, 0, NULL, false}, WORK_BLOCKS, false},
	{{"Django bcrypt_sha256", "bcrypt_sha256$", PassParseBcryptSha256, NULL, 0, NULL, false}, WORK_LOGARITHM, true},
	{{"LDAP SSHA", "{SSHA}", PassParseLdap, NULL, 0, "SHA1", false}, WORK_NONE, true},
	{{"LDAP SSHA256", "{SSHA256}", PassParseLdap, NULL, 0, "SHA256", false}, WORK_NONE, true},
	{{"LDAP SSHA512", "{SSHA512}", PassParseLdap, NULL, 0, "SHA512", false}, WORK_NONE, true},
	{{"better-auth scrypt", "", PassParseBetterAuth, NULL, 0, NULL, false}, WORK_BLOCKS, false},
	{{"ASP.NET Identity", "", PassParseAspNet, NULL, 0, NULL, false}, WORK_ROUNDS, false},
};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

#endif							/* FUZZ_HASHES_H */
