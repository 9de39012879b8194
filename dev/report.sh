# dev/report.sh: how ./check reports, what it chooses to run, where it logs.
# Sourced by check after dev/lib.sh. Each test file gives one line.

now()
{
	printf '%s' "${EPOCHREALTIME/[.,]/}"
}

# One line for one test file: layer, name, passed, failed, microseconds.
report()
{
	local verdict=ok

	[ "$4" -eq 0 ] || verdict=FAILED
	PASSED=$((PASSED + $3))
	FAILED=$((FAILED + $4))
	printf '%-5s  %-36s %-6s %5d passed %4d failed %6d.%02d s\n' \
		"$1" "$2" "$verdict" "$3" "$4" $(($5 / 1000000)) $(($5 % 1000000 / 10000))
}

# What a layer is about to do, said before it does: nothing here is silent for long.
step()
{
	printf '%-5s  %s\n' "$1" "$2 ..."
}

# "1 file", "2 files".
counted()
{
	if [ "$1" -eq 1 ]
	then
		echo "1 $2"
	else
		echo "$1 $2s"
	fi
}

# One test that is a command: layer, name, command. Its output shows on failure.
try()
{
	local layer=$1 name=$2 start log
	shift 2
	start=$(now)
	log=$LOG/$layer-${name//[ \/]/_}.log
	if "$@" >"$log" 2>&1 9>&-
	then
		report "$layer" "$name" 1 0 $(($(now) - start))
	else
		report "$layer" "$name" 0 1 $(($(now) - start))
		excerpt "$log"
	fi
}

# The end of a log, set off from our own lines.
excerpt()
{
	tail -n "${2:-60}" "$1" | sed 's/^/    | /'
	say "    (all of it: ${1#"$TREE"/})"
}

# Lines of a file that match; 0 when there is no file.
count()
{
	if [ -f "$2" ]
	then
		grep -cE "$1" "$2" || true
	else
		echo 0
	fi
}

# The files of a layer, chosen by the arguments: folder, extension. Stems only.
chosen()
{
	local file stem wanted

	for file in "$TREE/$1"/*."$2"
	do
		[ -f "$file" ] || continue
		stem=$(basename "$file" ".$2")
		[ "${#FILES[@]}" -gt 0 ] || { echo "$stem"; continue; }
		for wanted in "${FILES[@]}"
		do
			wanted=$(basename "$wanted" ".$2")
			if [ "$stem" = "$wanted" ] || [ "$stem" = "test_$wanted" ] || [ "$stem" = "fuzz_$wanted" ] || { [ "$2" = pl ] && [[ $stem == "$wanted"* ]]; }
			then
				echo "$stem"
				break
			fi
		done
	done
}

# Each file that was asked for must be there: a name that is mistyped tests nothing.
demand_files()
{
	local -A where=([unit]="test/unit c" [fuzz]="test/fuzz c" [sql]="test/sql sql" [spec]="test/specs spec" [tap]="test/t pl")
	local wanted

	[ "${#FILES[@]}" -gt 0 ] || return 0
	[ -n "${where[$LAYERS]:-}" ] || die "layer $LAYERS has no files to choose from"
	for wanted in "${FILES[@]}"
	do
		# shellcheck disable=SC2086 # a folder and an extension
		[ -n "$(FILES=("$wanted"); chosen ${where[$LAYERS]})" ] || die "no test of layer $LAYERS is called $wanted"
	done
}

# Say so when a layer has nothing to run.
none()
{
	say "$1: no tests"
}

fresh_log()
{
	mkdir -p "$LOG"
	rm -rf "${LOG:?}"/*
}

# The folder of one layer's output, which the user of the server writes.
out_folder()
{
	mkdir -p "$LOG/$1"
	[ "$(id -u)" != 0 ] || chown "$SERVER_USER:" "$LOG/$1"
	echo "$LOG/$1"
}

finish()
{
	if [ $((PASSED + FAILED)) -eq 0 ]
	then
		say "nothing was tested"
		FAILED=1
	fi
	say
	say "$PASSED passed, $FAILED failed$([ "$SKIPPED" -eq 0 ] || echo ", $SKIPPED skipped")"
	[ "$FAILED" -eq 0 ] || exit 1
	exit 0
}

# The server or make cannot work in this tree: run in a copy, where they can.
elsewhere()
{
	local copy=$STATE/tree code=0

	say "$ELSEWHERE: working on a copy in $copy"
	lock_state
	mkdir -p "$copy"
	find "$copy" -mindepth 1 -maxdepth 1 ! -name .pg -exec rm -rf {} +
	tar -C "$TREE" -c --exclude=./.git --exclude=./.pg --exclude=./test/log --exclude=node_modules --exclude=./test/unit/build --exclude=./test/fuzz/build . | tar -C "$copy" -x --no-same-owner
	chmod -R a+rX "$copy"
	"$copy/check" "$@" || code=$?
	mkdir -p "$TREE/test/log"
	rm -rf "$TREE"/test/log/*
	cp -r "$copy"/test/log/. "$TREE/test/log/"
	exit "$code"
}
