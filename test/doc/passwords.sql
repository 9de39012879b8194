-- leaked before
\! printf '5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004\n' > pwnedpasswords.txt
\! printf 'staple gun\n' > passwords.txt
\! printf 'nobody has this one\n' > candidates.txt
-- leaked after
LOAD 'intrex_auth';
-- (the configuration is read again between statements)
SELECT $$SELECT true FROM pg_sleep(0.1) WHERE current_setting('intrex_auth.password_leaked_file') = ''$$ FROM generate_series(1, 6000) \gexec
SELECT auth_api.register('anna@example.com', 'password') #>> '{error,reasons}' ~ 'pwned';
