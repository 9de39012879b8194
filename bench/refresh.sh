# bench/refresh.sh: transactions per second of refresh, against one statement that
# writes the same rows on the same tables. Sourced by bench/run; needs refresh.sql.

REFRESH_ROUNDS=5
REFRESH_SECONDS=2

# Transactions per second of a script; arguments: ours or plain, clients, synchronous_commit.
refresh_run()
{
	local output

	psql_quiet -d bench -At -o /dev/null -c "SELECT bench.begin_chains($2)"
	output=$(PGOPTIONS="-c synchronous_commit=$3" "$PRIVATE_BIN/pgbench" -n -M prepared -c "$2" -j "$2" -T "$REFRESH_SECONDS" \
		-D started=0 -f "$TREE/bench/refresh_$1.pgbench" bench 2>&1 </dev/null) || die "pgbench: $output"
	sed -n 's/^tps = \([0-9.]*\).*/\1/p' <<<"$output"
}

# Both in each round, and in turn first.
refresh_compare()
{
	local clients=$1 sync=$2 target=$3 round ours='' plain=''

	for ((round = 0; round < REFRESH_ROUNDS; round++))
	do
		[ $((round % 2)) = 1 ] || plain+=,$(refresh_run plain "$clients" "$sync")
		ours+=,$(refresh_run ours "$clients" "$sync")
		[ $((round % 2)) = 0 ] || plain+=,$(refresh_run plain "$clients" "$sync")
	done
	psql_quiet -d bench -c "
		INSERT INTO bench.results (subject, ours, plain, unit, ratio, comparison, target)
		SELECT 'refresh, $clients client(s), synchronous_commit = $sync',
			percentile_cont(0.5) WITHIN GROUP (ORDER BY o),
			percentile_cont(0.5) WITHIN GROUP (ORDER BY p),
			'tps',
			percentile_cont(0.5) WITHIN GROUP (ORDER BY o / p),
			CASE WHEN $target > 0 THEN '>=' END, nullif($target, 0)
		FROM unnest('{${ours#,}}'::float8[], '{${plain#,}}'::float8[]) AS s(o, p)"
}

refresh_compare 1 on 0.9
refresh_compare 8 on 0.9
refresh_compare 1 off 0
refresh_compare 8 off 0
psql_quiet -d bench -At -o /dev/null -c "SELECT bench.demand('both wrote a token and an audit row each time', tokens = audited) FROM bench.written"
