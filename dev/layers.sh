# dev/layers.sh: the layers of ./check, one function each.
# Sourced by check after dev/lib.sh and dev/report.sh.

# ---- lint ---------------------------------------------------------------

control_version()
{
	sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" "$TREE/intrex_auth.control"
}

no_server_headers()
{
	! grep -nE '#include[[:space:]]*[<"](postgres|fmgr|utils/|catalog/|access/|nodes/|executor/|lib/|libpq|miscadmin|storage/|port|pg_)|\b(ereport|elog|palloc0?|pfree|Datum)[[:space:]]*\(' \
		"$TREE"/src/core/*.[ch]
}

one_version()
{
	[ -n "$1" ] || { echo "intrex_auth.control has no default_version"; return 1; }
	perl -MJSON::PP -e '
		my ($wanted, $file) = @ARGV;
		open my $in, "<", $file or die "$file: $!\n";
		my $meta = decode_json(join "", <$in>);
		my @found = ($meta->{version}, map { $_->{version} } values %{ $meta->{provides} });
		die "META.json says @found, intrex_auth.control $wanted\n" if grep { $_ ne $wanted } @found;
	' "$1" "$TREE/META.json"
}

# pg_regress keeps all expected outputs in expected/, and would take sql/NAME.sql
# at the top for a test of that name.
test_names()
{
	local name bad=0

	for name in $(stems test/sql sql; stems test/specs spec)
	do
		[ ! -e "$TREE/sql/$name.sql" ] || { echo "test $name is named like sql/$name.sql"; bad=1; }
		[ -e "$TREE/expected/$name.out" ] || { echo "test $name has no expected/$name.out"; bad=1; }
	done
	for name in $(comm -12 <(stems test/sql sql) <(stems test/specs spec))
	do
		echo "$name is the name of a test in sql and of one in specs"
		bad=1
	done
	for name in $(stems expected out | sed 's/_[1-9]$//' | sort -u)
	do
		[ -e "$TREE/test/sql/$name.sql" ] || [ -e "$TREE/test/specs/$name.spec" ] || { echo "expected/$name.out belongs to no test"; bad=1; }
	done
	return $bad
}

# What is compared with a failure passes when it fails.
expected_passes()
{
	! grep -HnE '^(not ok|# Looks like you)' "$TREE"/expected/*.out
}

stems()
{
	find "$TREE/$1" -maxdepth 1 -name "*.$2" -printf '%f\n' | sed "s/\.$2\$//" | LC_ALL=C sort
}

shell_syntax()
{
	local file bad=0

	while read -r file
	do
		bash -n "$file" || bad=1
	done < <(grep -rlE --exclude-dir=.git --exclude-dir=.pg --exclude-dir=node_modules '^#!/bin/(ba)?sh' "$TREE")
	return $bad
}

# A lock file made behind a mirror would send everybody to that mirror.
lock_files()
{
	! grep -n '"resolved"' "$TREE"/test/*/package-lock.json 2>/dev/null
}

# Without a name for them, encoding and locale of a cluster are those of the user who
# runs the test; on a machine without LANG that is SQL_ASCII, which CREATE EXTENSION refuses.
named_locales()
{
	! { grep -rnE -- '->init\b' "$TREE/test/t" | grep -v '/test/t/Server.pm:'
		grep -rnE "\binitdb\b['\"]?,? +['\"]?-" --exclude-dir=.pg --exclude-dir=.git --exclude-dir=node_modules \
			--exclude-dir=log "$TREE" | grep -vE '/dev/(lib|layers)\.sh:'; }
}

# Those of tools that are in no package of dev/packages.
named_tools()
{
	! grep -rnE "[\`'\"( ](ps|pgrep|pkill|killall|lsof|netstat|ss|ip) +-" "$TREE"/test/t/*.p[lm] "$TREE"/test/sql/*.sql
}

# Statements alone change our tables in a way that fires triggers, so that
# src/writes.c sees it.  Rows that are written without triggers are none of these.
fired_by_statements()
{
	! grep -nE '\b(Exec(BS|AS|BR|AR|IR)(Insert|Update|Delete)Triggers|ExecSimpleRelation[A-Za-z]+|AfterTrigger(Begin|End)Query|CopyFrom|simple_(heap|table)_[a-z_]+)[[:space:]]*\(' \
		"$TREE"/src/*.c
}

layer_lint()
{
	step lint "rules that a grep can hold"
	try lint "core without server" no_server_headers
	try lint "one version" one_version "$(control_version)"
	try lint "test names" test_names
	try lint "expected outputs pass" expected_passes
	try lint "shell syntax" shell_syntax
	try lint "lock files" lock_files
	try lint "encodings and locales" named_locales
	try lint "tools of the tests" named_tools
	try lint "triggers fire by statements" fired_by_statements
	if command -v pg_bsd_indent >/dev/null
	then
		try lint "format" make -C "$TREE" -s --no-print-directory PG_CONFIG="$PRIVATE_PG_CONFIG" format-check
	else
		say "lint   format: skipped, there is no pg_bsd_indent"
		SKIPPED=$((SKIPPED + 1))
	fi
}

# ---- build --------------------------------------------------------------

# From nothing, in a copy of the sources, with every warning an error.
build_with()
{
	local copy=$ROOT/build

	rm -rf "$copy"
	mkdir "$copy"
	cp -r "$TREE"/{Makefile,intrex_auth.control,sql,src,data,tools} "$copy"
	find "$copy" \( -name '*.o' -o -name '*.so' \) -delete
	make -C "$copy" -s --no-print-directory PG_CONFIG="$PRIVATE_PG_CONFIG" CC="$1" clean >/dev/null &&
		make -C "$copy" -s --no-print-directory -j2 PG_CONFIG="$PRIVATE_PG_CONFIG" CC="$1" WERROR=1 all &&
		exports "$copy/intrex_auth.so"
}

# The library shows the server its functions, each with its pg_finfo_, and
# nothing else.
exports()
{
	local names

	names=$(nm -D --defined-only "$1" | awk '{ print $3 }' | sort)
	[[ $'\n'$names$'\n' == *$'\n'Pg_magic_func$'\n'* ]] || { echo "Pg_magic_func is not exported"; return 1; }
	names=$(printf '%s\n' "$names" | grep -vxE 'Pg_magic_func|_PG_init|_PG_fini')
	diff <(printf '%s\n' "$names" | sed -n 's/^pg_finfo_//p') <(printf '%s\n' "$names" | grep -v '^pg_finfo_' || true) ||
		{ echo "what intrex_auth.so exports does not match: < has only its pg_finfo_, > has none"; return 1; }
}

layer_build()
{
	local clang

	step build "from nothing, with every warning an error"
	try build "gcc" build_with gcc
	clang=$(command -v clang || sed -n 's/^CLANG *= *//p' "$ROOT$("$SYSTEM_PG_CONFIG" --pkglibdir)/pgxs/src/Makefile.global")
	if [ -n "$clang" ] && [ -x "$clang" ]
	then
		try build "clang" build_with "$clang"
	else
		say "build  clang: skipped, there is none"
		SKIPPED=$((SKIPPED + 1))
	fi
	rm -rf "$ROOT/build"
}

# ---- unit ---------------------------------------------------------------

layer_unit()
{
	local tests test

	mapfile -t tests < <(chosen test/unit c | grep '^test_')
	[ "${#tests[@]}" -gt 0 ] || { none unit; return; }
	step unit "compiling $(counted "${#tests[@]}" file) under ASan and UBSan"
	try unit "compiles" timeout 1200 make -C "$TREE/test/unit" -s --no-print-directory -j2 all
	for test in "${tests[@]}"
	do
		unit_file "$test"
	done
}

# The seeds of the fuzzing targets, each whole, cut and damaged; `make fuzz` is
# the real thing.
layer_fuzz()
{
	local targets target

	mapfile -t targets < <(chosen test/fuzz c | sed -n 's/^fuzz_//p')
	[ "${#targets[@]}" -gt 0 ] || { none fuzz; return; }
	step fuzz "compiling $(counted "${#targets[@]}" target) under ASan and UBSan"
	try fuzz "compiles" timeout 1200 make -C "$TREE/test/fuzz" -s --no-print-directory -j2 all
	for target in "${targets[@]}"
	do
		counted_file fuzz "fuzz_$target" test/fuzz "TARGETS=$target"
	done
}

unit_file()
{
	counted_file unit "$1" test/unit "TESTS=$1"
}

# A test of a folder whose `make check` counts in its last line.
counted_file()
{
	local log=$LOG/unit-$2.log start counts code=0

	start=$(now)
	timeout 600 make -C "$TREE/$3" -s --no-print-directory check "$4" >"$log" 2>&1 9>&- || code=$?
	counts=$(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log")
	if [ -z "$counts" ] || { [ "$code" -ne 0 ] && [ "${counts#* }" = 0 ]; }
	then
		counts="0 1"
	fi
	report "$1" "$2" "${counts% *}" "${counts#* }" $(($(now) - start))
	[ "$code" -eq 0 ] || excerpt "$log"
}

# ---- the private installation -------------------------------------------

layer_install()
{
	local log=$LOG/install.log start options=()

	step install "building, and installing in $ROOT"
	[ -z "${SANITIZE:-}" ] || sanitize
	[ -z "${VALGRIND:-}" ] || valgrind_server
	start=$(now)
	if build_install ${options[@]+"${options[@]}"} >"$log" 2>&1 9>&-
	then
		return
	fi
	report install "build and install" 0 1 $(($(now) - start))
	excerpt "$log"
	return 1
}

# Options for a build under sanitizers.  The server itself is built without, so
# the runtime of ASan has to be loaded before it.
sanitize()
{
	local runtime first=$ROOT/asan_first.so

	runtime=$(gcc -print-file-name=libasan.so)
	gcc -shared -fPIC -Wl,-z,initfirst -o "$first" "$TREE/dev/asan_first.c"
	options=(COPT="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer")
	timeout -k 1 20 env "LD_PRELOAD=$runtime $first" ASAN_OPTIONS=detect_leaks=0 "$PRIVATE_BIN/postgres" -V >/dev/null ||
		die "the server does not start under ASan"
	wrap_server "LD_PRELOAD=$runtime $first" ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
}

# The server under valgrind, which takes thirty times as long.  Only its own
# processes: the bootstrap by initdb and `postgres -V` run as ever.
valgrind_server()
{
	command -v valgrind >/dev/null || die "install the package valgrind"
	options=(COPT="-g -fno-omit-frame-pointer")
	mkdir -p "$LOG/valgrind"
	chmod 1777 "$LOG/valgrind"
	wrap_server valgrind --quiet --leak-check=no --num-callers=30 --error-limit=no --child-silent-after-fork=no \
		--gen-suppressions=all --suppressions="$TREE/dev/valgrind.supp" --log-file="$LOG/valgrind/%p.log"
}

# What the tools wrote about our code or because of it is a failure, whatever the
# tests said.
layer_reports()
{
	local log=$LOG/reports.txt found start

	[ -n "${SANITIZE:-}${VALGRIND:-}" ] || return 0
	start=$(now)
	{
		grep -rhE -A30 'ERROR: AddressSanitizer|runtime error: |UndefinedBehaviorSanitizer' "$LOG" --include=*.log || true
		[ -z "${VALGRIND:-}" ] || find "$LOG/valgrind" -name '*.log' -exec cat {} +
	} > "$log"
	found=$(grep -cE 'ERROR: AddressSanitizer|runtime error: |^==[0-9]+== (Invalid|Conditional|Use of|Syscall|Jump|Mismatched|Source and|Process terminating)' "$log" || true)
	report reports "${SANITIZE:+sanitizers}${VALGRIND:+valgrind}" 1 "$found" $(($(now) - start))
	[ "$found" -eq 0 ] || excerpt "$log" 100
}

# A new cluster; the one lives through sql and spec.
check_cluster()
{
	cluster check
	! cluster_exists || return 0
	cluster_create < <(
		echo "fsync = off"
		[ ! -f "$TREE/test/check.conf" ] || cat "$TREE/test/check.conf"
	)
	cluster_start
}

no_check_cluster()
{
	cluster check
	[ ! -d "$CLUSTER_DIR" ] || cluster_destroy
}

# ---- sql and spec: pg_regress and pg_isolation_regress -------------------

layer_sql()
{
	regress sql test/sql sql regress/pg_regress contrib_regression --load-extension=pgtap
}

layer_spec()
{
	regress spec test/specs spec isolation/pg_isolation_regress isolation_regression
}

# Run a driver of the pg_regress family: layer, folder, extension of the files,
# driver, database, further options.
regress()
{
	local layer=$1 folder=$2 extension=$3 driver=$4 database=$5 out log tests test line start code
	local -A seen=()
	shift 5
	mapfile -t tests < <(chosen "$folder" "$extension")
	[ "${#tests[@]}" -gt 0 ] || { none "$layer"; return; }
	step "$layer" "$(counted "${#tests[@]}" file), one after the other, in one server"
	check_cluster
	out=$(out_folder "$layer")
	log=$LOG/$layer.log
	driver=$(pgxs_test)/$driver
	# PostgreSQL 15 looks for expected/ in the output folder, 16 and later are
	# told to. A test that has none yet gets an empty one, and fails with a diff.
	mkdir "$out/expected"
	cp -rs "$TREE/expected/." "$out/expected/"
	for test in "${tests[@]}"
	do
		[ -e "$out/expected/$test.out" ] || : > "$out/expected/$test.out"
	done
	if [[ $("$driver" --help) == *--expecteddir* ]]
	then
		set -- "--expecteddir=$out" "$@"
	fi
	start=$(now)
	while read -r line
	do
		line=${line%"${line##*[![:space:]]}"}
		# 15: "test name ... ok 12 ms"; later: "ok 1 - name 12 ms".
		if [[ $line =~ ^test\ ([a-z0-9_-]+)\ +\.\.\.\ (ok|FAILED).*\ ([0-9]+)\ ms$ ]]
		then
			regress_line "$layer" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "$out"
			seen[${BASH_REMATCH[1]}]=1
		elif [[ $line =~ ^(ok|not\ ok)\ +[0-9]+\ +-\ ([a-z0-9_-]+)\ +([0-9]+)\ ms ]]
		then
			regress_line "$layer" "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}" "${BASH_REMATCH[3]}" "$out"
			seen[${BASH_REMATCH[2]}]=1
		fi
	done < <(
		as_server env PATH="$PRIVATE_BIN:$PATH" PGHOST="$PGHOST" timeout $((VALGRIND_FACTOR * 3600)) "$driver" --bindir="$PRIVATE_BIN" \
			--inputdir="$TREE/test" --outputdir="$out" --dbname="$database" --host="$PGHOST" --port="$PGPORT" --user=postgres \
			"$@" --load-extension=intrex_auth "${tests[@]}" 2>&1 9>&- | tee "$log" && echo 0 > "$out/code" || echo 1 > "$out/code"
	)
	code=$(cat "$out/code")
	for test in "${tests[@]}"
	do
		[ -n "${seen[$test]:-}" ] || report "$layer" "$test (did not run)" 0 1 0
	done
	[ -z "${SANITIZE:-}" ] || cp "$CLUSTER_LOG" "$LOG/$layer-server.log"
	if [ "$code" -ne 0 ]
	then
		[ "${#seen[@]}" -eq "${#tests[@]}" ] || excerpt "$log"
		[ ! -s "$out/regression.diffs" ] || excerpt "$out/regression.diffs" 400
		cp "$CLUSTER_LOG" "$LOG/$layer-server.log"
		[ "$FAILED" -gt 0 ] || report "$layer" "exit status $code" 0 1 $(($(now) - start))
	fi
}

# Count the assertions of one file (pgTAP), or its permutations (isolation).
regress_line()
{
	local layer=$1 name=$2 verdict=$3 result=$5/results/$2.out good bad=0

	if [ "$layer" = sql ]
	then
		good=$(count '^ *ok [0-9]+' "$result")
		bad=$(count '^ *not ok [0-9]+' "$result")
	else
		good=$(count '^starting permutation' "$result")
	fi
	if [ "$verdict" = ok ]
	then
		[ "${good:-0}" -gt 0 ] || good=1
	elif [ "$layer" != sql ]
	then
		good=0
	fi
	# What differs from the expected output has failed, whatever it says itself.
	[ "$verdict" = ok ] || [ "${bad:-0}" -gt 0 ] || bad=1
	report "$layer" "$name" "${good:-0}" "${bad:-0}" $(($4 * 1000))
}

# Where pg_regress, isolationtester and the Perl modules are.
pgxs_test()
{
	echo "$ROOT$("$SYSTEM_PG_CONFIG" --pkglibdir)/pgxs/src/test"
}

# ---- tap -----------------------------------------------------------------

# npm packages for the tests with an independent implementation.
interop()
{
	local folder=$TREE/test/interop

	[ -f "$folder/package-lock.json" ] || return 0
	if [ ! "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]
	then
		step tap "installing the npm packages of test/interop"
		try tap "npm ci" npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error
	fi
}

# How many test files run side by side; CHECK_JOBS=1 is one after the other.
layer_tap()
{
	local tests test together=() alone=() jobs=${CHECK_JOBS:-$(nproc)}

	mapfile -t tests < <(chosen test/t pl)
	[ "${#tests[@]}" -gt 0 ] || { none tap; return; }
	interop
	for test in "${tests[@]}"
	do
		if grep -q '^# Runs alone: ' "$TREE/test/t/$test.pl"
		then
			alone+=("$test")
		else
			together+=("$test")
		fi
	done
	[ "$jobs" -lt "${#tests[@]}" ] || jobs=${#tests[@]}
	step tap "$(counted "${#tests[@]}" file), $jobs at a time, each with servers of its own"
	out_folder tap/ports >/dev/null
	tap_files "$jobs" ${together[@]+"${together[@]}"}
	tap_files 1 ${alone[@]+"${alone[@]}"}
}

# Run files, so many at a time, and report each as it ends.
tap_files()
{
	local jobs=$1 pid test
	local -A running=()
	shift

	while [ $# -gt 0 ] || [ "${#running[@]}" -gt 0 ]
	do
		while [ $# -gt 0 ] && [ "${#running[@]}" -lt "$jobs" ]
		do
			tap_file "$1" &
			running[$!]=$1
			shift
		done
		wait -n -p pid "${!running[@]}" || true
		test=${running[$pid]}
		unset "running[$pid]"
		tap_report "$test"
	done
}

# Run one file. What it said is in its log, how it ended and how long it took beside it.
tap_file()
{
	local out log start code=0

	out=$(out_folder "tap/$1")
	log=$LOG/tap/$1.log
	start=$(now)
	# the shell notes the number of the group, which timeout makes
	as_server env PATH="$PRIVATE_BIN:$PATH" TESTDIR="$out" TESTDATADIR="$out/tmp_check" TESTLOGDIR="$out/tmp_check/log" \
		PG_REGRESS="$(pgxs_test)/regress/pg_regress" PG_TEST_PORT_DIR="$LOG/tap/ports" PGPORT=65432 PGUSER=postgres \
		PG_TEST_TIMEOUT_DEFAULT=1800 PERL5LIB="$(pgxs_test)/perl:$TREE/test/t" INTREX_AUTH_TREE="$TREE" \
		sh -c 'echo $$ > "$0/group" && exec "$@"' "$out" timeout $((VALGRIND_FACTOR * 3600)) prove -v --merge "$TREE/test/t/$1.pl" \
		>"$log" 2>&1 9>&- || code=$?
	echo "$code $(($(now) - start))" > "$out/end"
	rm -f "$out/group"
}

# Report a file that has ended.
tap_report()
{
	local out=$LOG/tap/$1 log=$LOG/tap/$1.log code took good bad

	read -r code took < "$out/end"
	good=$(count '^ok [0-9]+' "$log")
	bad=$(count '^not ok [0-9]+' "$log")
	SKIPPED=$((SKIPPED + $(count '^ok [0-9]+ # skip' "$log")))
	good=$((good - $(count '^ok [0-9]+ # skip' "$log")))
	if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]
	then
		bad=1
	fi
	if [ "$code" -eq 0 ] && grep -q 'skipped: ' "$log" && [ "$good" -eq 0 ]
	then
		say "tap    $1: $(grep 'skipped: ' "$log")"
		SKIPPED=$((SKIPPED + 1))
		return
	fi
	report tap "$1" "$good" "$bad" "$took"
	tap_servers "$out"
	if [ "$bad" -gt 0 ]
	then
		excerpt "$log"
		# What a test died of stands there.
		[ ! -f "$out/tmp_check/log/regress_log_$1" ] || excerpt "$out/tmp_check/log/regress_log_$1" 15
	else
		find "$out/tmp_check" -mindepth 1 -maxdepth 1 ! -name log -exec rm -rf {} + 2>/dev/null || true
	fi
}

# End the servers that a file which was killed has left.
tap_servers()
{
	local pid

	while read -r pid
	do
		as_server "$PRIVATE_BIN/pg_ctl" stop -m immediate -D "$(dirname "$pid")" >/dev/null 2>&1 || true
	done < <(find "$1" -name postmaster.pid 2>/dev/null)
}

# End the files that still run, when ./check itself is ended.
no_tap_files()
{
	local group

	[ -d "$LOG/tap" ] || return 0
	while read -r group
	do
		kill -TERM -- "-$(cat "$group")" 2>/dev/null || true
		tap_servers "$(dirname "$group")"
	done < <(find "$LOG/tap" -mindepth 2 -maxdepth 2 -name group 2>/dev/null)
}
