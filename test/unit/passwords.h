/*
 * test/unit/passwords.h: hashes of other systems, each of an implementation that is
 * not the one under test.
 */
#ifndef PASSWORDS_H
#define PASSWORDS_H

#define HORSE "correct horse"
#define SALT16 "yNXi7/wJFiMwPUpXZHF+iw"
#define SALT16_DOT "yNXi7/wJFiMwPUpXZHF.iw"

static const struct
{
	const char *kind;			/* what PassHashCheck() calls it */
	const char *password;
	const char *hash;
}			foreign_hashes[] = {

	/* the tests of the reference implementation of argon2 */
	{"argon2id", "password",
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	{"argon2id", "password",
	"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
	{"argon2id", "password",
	"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
	{"argon2i", "password",
	"$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"},
	{"argon2i", "password",
	"$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"},

	/* noble-hashes, in JavaScript; the first two shapes are libsodium's here */
	{"argon2id", HORSE,
	"$argon2id$v=19$m=1024,t=2,p=1$" SALT16 "$u8vjyqRtf1F1GbHUm50Ky/bb81WnGBqIbERKZhQFqs0"},
	{"argon2i", HORSE,
	"$argon2i$v=19$m=1024,t=3,p=1$" SALT16 "$10dS45gRW/kZxOwS8SDjNj0FcTjBuYf92B4iyu8IVvc"},
	{"argon2id", HORSE,
	"$argon2id$v=19$m=1024,t=1,p=4$" SALT16 "$L6/XoK+7bdiJISHGldaM7nkPnHYGGckX41x+1GCEgbE"},
	{"argon2id", HORSE,
	"$argon2id$v=19$m=512,t=3,p=2$OCB0byAyMiBjaGFycyBvZiBzYWx0IQ$nvRULwEE+AozehUnQfmUriXNxk/qbDSBip+zmI0SJnw"},
	{"argon2i", HORSE,
	"$argon2i$v=19$m=256,t=1,p=1$" SALT16 "$sYoM0vI6GnnWZqK6XWVlxo7Qt9/9jxv+Jgfp3IhAOvA"},
	{"argon2i", HORSE,
	"$argon2i$m=256,t=2,p=1$" SALT16 "$z0lxmUz50yNPTJdMMr51umCmNW8Z69IiB0EvdS4NGYo"},
	{"argon2id", HORSE,
	"$argon2id$v=16$m=256,t=2,p=1$" SALT16 "$Yh9rElHU/9n41GwWboHuwIY9ORQKRtuobvGQjH8daAQ"},
	{"argon2id", HORSE,
		"$argon2id$v=19$m=64,t=1,p=1$" SALT16
	"$eJvPp/K1/7eXDVnOrpXJAWT9D7pQStRLb1kZOu3xuWWFwTE88qpBed0K5agHaD6HEYNaY+LyI3wmlhpzZ/81eg"},
	{"scrypt", HORSE,
	"$scrypt$ln=10,r=8,p=1$" SALT16 "$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU"},
	{"scrypt", HORSE,
	"$scrypt$ln=4,r=8,p=16$" SALT16 "$Ec+oLNVum6Na7pX+CedfN2ecoBIWf7b47hv+5luruFQ"},
	{"scrypt", HORSE,
	"$scrypt$ln=1,r=1,p=1$" SALT16 "$+INLkmpAnxMaN5vU61Ib24zQBLZEOjZNs77B1fQYIIg"},
	{"PBKDF2-SHA1", HORSE,
	"$pbkdf2$12000$" SALT16_DOT "$DnMnXxYJJXisfdr5CjMCZS.qjhU"},
	{"PBKDF2-SHA256", HORSE,
	"$pbkdf2-sha256$12000$" SALT16_DOT "$U5WmfAE9ZX7DDGfhVGEvAbWRBSCz.cxImi8Obt9Bkn4"},
	{"PBKDF2-SHA512", HORSE,
		"$pbkdf2-sha512$12000$" SALT16_DOT
	"$5JLydUdDfOhSOJsUWZk48Lj1d5D0FPD5RwYg65tAriTEmiV8mJiwGX5JBXciVcM97giZ5MfbdDTjzgSUYMIwrQ"},
	{"Django scrypt", HORSE,
		"scrypt$1024$seasalt$8$5$"
	"U5L/E4s8HSw/x7c2z5Ose/wRS4Ex+nZFwhoeVl7Y/Ivmfxi7M91P9jpq7MYsDfV9WCzv+HMsQaovdkOikEuBXg=="},

	/* PHP: its password_hash() */
	{"bcrypt", HORSE, "$2y$05$2Nuwqk2CYQzfLcpMSONZP.asdY6l8MAFUfNMSqhuEhI7l5SYVvTju"},
	{"argon2i", HORSE,
	"$argon2i$v=19$m=1024,t=2,p=1$VmZ0eng4OHR4aS5FVmxGMg$Zat0aVRofjShaZ4aNRLGxeiZXaoO0EO0J8tVu/flzJU"},

	/* RFC 7914 §12, in Django's form */
	{"Django scrypt", "password",
		"scrypt$1024$NaCl$8$16$"
	"/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA=="},
	{"Django scrypt", "pleaseletmein",
		"scrypt$16384$SodiumChloride$8$1$"
	"cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw=="},

	/* Django, and its own tests */
	{"Django scrypt", "l\xc3\xa8tmein",
		"scrypt$16384$seasalt$8$1$"
	"Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw=="},
	{"Django PBKDF2-SHA256", "l\xc3\xa8tmein",
	"pbkdf2_sha256$260000$seasalt2$UCGMhrOoaq1ghQPArIBK5RkI6IZLRxlIwHWA1dMy7y8="},
	{"Django PBKDF2-SHA256", HORSE,
	"pbkdf2_sha256$26000$gsL9F4QsybKoFagxjPltpq$J/xifFmdTNLuzgXhYW2a23efgNoAdCaunsp4Fwzzuaw="},
	{"Django PBKDF2-SHA1", HORSE,
	"pbkdf2_sha1$26000$rqLTfZcOYlXbqGUqLKtQeX$ddjDlW5jcKvsv4KgQ+2OF6sZ/go="},
	{"Django bcrypt_sha256", HORSE,
	"bcrypt_sha256$$2b$05$EgSFMqruZ.N1/p91Ng21iusepRQFF2aeSjwXurVThuwNI/NO74bea"},
	{"bcrypt", HORSE,
	"bcrypt$$2b$05$UoFz1WaiA15Ku8xfptNHHuTojA171jjNBdjKOMp01w37gh12dEula"},
	{"argon2id", HORSE,
	"argon2$argon2id$v=19$m=102400,t=2,p=8$aFkwSkxxY1hqN05RYWdKYWhzaDVUcw$k1d33pfSuCplG8NYK0ot2Q"},

	/* the specification of SHA-crypt; passlib, in Python; libscrypt's tests; mkpasswd */
	{"SHA256-crypt", "Hello world!",
	"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
	{"SHA512-crypt", "Hello world!",
	"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
	{"SHA256-crypt", HORSE, "$5$LiOnRoCk$OvtOBR/det3P8bu0/ZPWgLO5SezhPpUviXJ/hy904h2"},
	{"SHA512-crypt", HORSE,
	"$6$LiOnRoCk$246740edxEHMjBnvNyQO8d1yy74hYPxqoQ8l7KVwv6m5xThazExNX0w/.FmHDlBmpaClIQs3EV0sTTpqDPPrx1"},
	{"SHA256-crypt", HORSE,
	"$5$rounds=1234$sixteencharsalt.$ap8xmQrlaHj93SuhxSYdIwmtDEWAFCazHyC4HIWVQsD"},
	{"SHA512-crypt", HORSE,
	"$6$rounds=4321$sixteencharsalt.$4tTkfEw9dd1YQJ99NnUCJfFhaJQNXQSQu1R0HY8e8HMeox.3ex2dtcHqJLUYC5PkTs2YhzCjOSuj8OdHRic381"},
	{"SHA512-crypt", HORSE,
	"{CRYPT}$6$rounds=1000$q$TUvXPHHMMrcUmW.ZsYkWpMIi9/BGnlYy4RPgxjmJly3pCKC3G7NrBrb748BTcpKOUa7jtFpSF56THHYZw5wNd."},
	{"MD5-crypt", HORSE, "$1$8charsal$QinvcPq6.2trb9RDER7vm0"},
	{"LDAP SSHA", HORSE, "{SSHA}6QZP6YNgwaawosVF0iqGz5vuiurt/b/3"},
	{"LDAP SSHA", HORSE, "{ssha}6QZP6YNgwaawosVF0iqGz5vuiurt/b/3"},
	{"MD5-crypt", HORSE, "{crypt}$1$8charsal$QinvcPq6.2trb9RDER7vm0"},
	{"LDAP SSHA256", HORSE, "{SSHA256}gapYzS3JkEbR2hVkFcFejRIGNgyvdlEnIrV+jU5T7U2y1hojhLB2zg=="},
	{"LDAP SSHA512", HORSE,
	"{SSHA512}j7MSyPLrreIdy833yUl94a9/cZGD4MnmH72OV/fGg9jygWi0qDaGFdNcpbqSit1uL/B5PhQibuwWbXeg03wJLoewNsb4H6N0"},
	{"scrypt of crypt(3)", "pleaseletmein",
	"$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"},
	{"yescrypt", HORSE,
	"$y$j75$J8VnBFJVCwWzic3gi9XZI/$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5"},

	/* Firebase's documentation, and GoTrue's tests */
	{"Firebase scrypt", "user1password",
		"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,"
		"sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$"
	"42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="},
	{"Firebase scrypt", "mytestpassword",
		"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,"
		"sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$"
	"C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw=="},

	/* better-auth */
	{"better-auth scrypt", HORSE,
		"ff05d6143eb32d206c327a369e678d0a:"
		"8a32d77ed64908a3eb958bcd7b964d9818a449e8d235c3ca054a1678b464c4b0"
	"1604378d8f6428e6f0278112ceb46480e698edd318534ec5100a829914b699b2"},

	/*
	 * PBKDF2 of the JDK, put together as ASP.NET Identity documents: 2, then 3 with each
	 * digest
	 */
	{"ASP.NET Identity", "P@ssw0rd",
	"AAMUJTZHWGl6i5ytvs/g8QLkVVcKrlHR9nVhDKT6Z8OPrDhzg2S6H//oG3o0TzU6Eg=="},
	{"ASP.NET Identity", "P@ssw0rd",
	"AQAAAAAAACcQAAAAEAMUJTZHWGl6i5ytvs/g8QLU1ZBRulq+I5GFX+FBlfnw3ykWlOcCqX1H37dyMEl6TQ=="},
	{"ASP.NET Identity", "P@ssw0rd",
	"AQAAAAEAACcQAAAAEAMUJTZHWGl6i5ytvs/g8QIu2nIiBE28bA1ygw+l/YQYU+atBsHTW6G5jYTyNAdAZQ=="},
	{"ASP.NET Identity", "P@ssw0rd",
	"AQAAAAIAACcQAAAAEAMUJTZHWGl6i5ytvs/g8QKLj5xRjAuYiY0EuE+cfPJ+yeY5aIw/5ZwpXYQ0KU2ysQ=="},
};

#endif							/* PASSWORDS_H */
