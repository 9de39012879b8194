# dev/lib.sh: what quickstart, check and dev/pg share: which PostgreSQL, where
# its private copy and clusters live, how a cluster starts and stops.
# Sourced by bash scripts; needs coreutils and util-linux only.

TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# The same environment on every machine: nothing of the caller's locale, and of the
# settings of libpq only what we set.
unset LANG LANGUAGE "${!LC_@}" MAKEFLAGS MAKELEVEL
for variable in "${!PG@}"
do
	[[ $variable == PG || $variable == PG_* ]] || unset "$variable"
done
unset variable
export LC_ALL=C.UTF-8
# the user of the server reads what we write
umask 022

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Which PostgreSQL: PG_CONFIG names one exactly; else PG_MAJOR (or PG) does;
# else 15, or what is installed, or the newest that Debian offers here.
choose_major()
{
	local found

	PG_MAJOR=${PG_MAJOR:-${PG:-}}
	if [ -n "${PG_CONFIG:-}" ]
	then
		found=$("$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
		[ -z "$PG_MAJOR" ] || [ "$PG_MAJOR" = "$found" ] || die "PG_CONFIG is of PostgreSQL $found, not $PG_MAJOR"
		PG_MAJOR=$found
		return
	fi
	if [ -z "$PG_MAJOR" ]
	then
		PG_MAJOR=15
		if [ ! -x /usr/lib/postgresql/15/bin/postgres ]
		then
			found=$({ find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null || true; } | cut -d/ -f5 | sort -n | tail -n 1)
			[ -n "$found" ] || found=$(offered_major)
			PG_MAJOR=${found:-15}
		fi
	fi
	case $PG_MAJOR in
		*[!0-9]*) die "PG_MAJOR must be a number such as 15" ;;
	esac
}

# The major version to install: 15 where Debian has it, else its newest.
offered_major()
{
	local majors

	majors=$(apt-cache pkgnames postgresql-server-dev- 2>/dev/null | sed -n 's/^postgresql-server-dev-\([0-9]*\)$/\1/p' | sort -n)
	# not grep -q: it would leave early, and the pipe fail
	printf '%s\n' "$majors" | grep -x 15 || printf '%s\n' "$majors" | tail -n 1
}

# The server refuses to run as root, so root's servers run as user postgres.
choose_user()
{
	SERVER_USER=$(id -un)
	if [ "$(id -u)" = 0 ]
	then
		SERVER_USER=postgres
		id postgres >/dev/null 2>&1 || die "there is no user postgres; install the package postgresql-common"
	fi
}

# Run a command as the user of the server.
as_server()
{
	if [ "$(id -u)" = 0 ]
	then
		(cd "$STATE" && exec runuser -u "$SERVER_USER" -- env HOME="$STATE" USER="$SERVER_USER" LOGNAME="$SERVER_USER" "$@") </dev/null
	else
		(cd "$STATE" && exec env "$@") </dev/null
	fi
}

# Where everything private goes: .pg in the tree, or a folder of ours in /var/tmp
# if the user of the server cannot get there (a tree under /root), or if the path
# has characters that make and PGXS cannot take, such as a blank or a quote.
# ELSEWHERE is the reason.
choose_state()
{
	TREE_HASH=$(printf '%s' "$TREE" | sha256sum | cut -c1-10)
	STATE=$TREE/.pg
	ELSEWHERE=
	if ! plain_path "$TREE"
	then
		ELSEWHERE="make cannot work in a path such as $TREE"
	elif [ "$(id -u)" = 0 ] && ! runuser -u "$SERVER_USER" -- test -x "$TREE" -a -r "$TREE/Makefile" 2>/dev/null
	then
		ELSEWHERE="user $SERVER_USER cannot read $TREE"
	fi
	[ -z "$ELSEWHERE" ] || STATE=/var/tmp/intrex_auth-$TREE_HASH
	# Anybody may create names in /var/tmp: take only what is ours.
	if [ -L "$STATE" ] || { [ -n "$ELSEWHERE" ] && [ -e "$STATE" ] && [ ! -O "$STATE" ]; }
	then
		die "$STATE belongs to somebody else"
	fi
	[ ! -d "$STATE" ] || [ -w "$STATE" ] || die "$STATE was made by another user; have it removed first"
}

# Can make, PGXS and the shell commands that the server runs take this path?
plain_path()
{
	[[ $1 != *[!A-Za-z0-9_./+-]* ]]
}

# Set everything up for the functions below.
choose()
{
	choose_major
	choose_user
	choose_state
	if [ -n "${PG_CONFIG:-}" ]
	then
		SYSTEM_PG_CONFIG=$PG_CONFIG
		unset PG_CONFIG
	else
		SYSTEM_PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
	fi
	[ -x "$(command -v "$SYSTEM_PG_CONFIG")" ] || die "PostgreSQL $PG_MAJOR is not installed with its postgresql-server-dev package"
	plain_path "$SYSTEM_PG_CONFIG" || die "make cannot work with a PG_CONFIG such as $SYSTEM_PG_CONFIG"
	SYSTEM_BIN=$("$SYSTEM_PG_CONFIG" --bindir)
	[ -x "$SYSTEM_BIN/postgres" ] || die "there is no server in $SYSTEM_BIN"
	case $SYSTEM_BIN in
		/usr/lib/postgresql/*) ROOT=$STATE/$PG_MAJOR ;;
		*) ROOT=$STATE/$PG_MAJOR-$(printf '%s' "$SYSTEM_BIN" | sha256sum | cut -c1-6) ;;
	esac
	PRIVATE_BIN=$ROOT$SYSTEM_BIN
	PRIVATE_PG_CONFIG=$PRIVATE_BIN/pg_config
}

# A private installation: the programs are copies, since PostgreSQL finds its
# files relative to the program that runs; all the rest are links. What `make
# install` puts here is seen by our clusters alone, and they see it alone.
make_prefix()
{
	local share pkglib include lib stamp

	unwrap_server
	share=$("$SYSTEM_PG_CONFIG" --sharedir)
	pkglib=$("$SYSTEM_PG_CONFIG" --pkglibdir)
	include=$("$SYSTEM_PG_CONFIG" --includedir)
	lib=$("$SYSTEM_PG_CONFIG" --libdir)
	stamp=$("$SYSTEM_PG_CONFIG" --version; stat -c '%n %y' "$SYSTEM_BIN/postgres" "$share/extension" "$pkglib")
	if [ -f "$ROOT/stamp" ] && [ "$stamp" = "$(cat "$ROOT/stamp")" ]
	then
		return
	fi
	rm -rf "${ROOT:?}/stamp" "$ROOT$SYSTEM_BIN" "$ROOT$share" "$ROOT$pkglib" "$ROOT$include" "$ROOT$lib"
	mkdir -p "$ROOT$SYSTEM_BIN" "$ROOT$share" "$ROOT$pkglib" "$(dirname "$ROOT$include")" "$(dirname "$ROOT$lib")"
	cp -L "$SYSTEM_BIN"/* "$ROOT$SYSTEM_BIN/"
	[ -x "$PRIVATE_PG_CONFIG" ] || cp -L "$SYSTEM_PG_CONFIG" "$PRIVATE_PG_CONFIG"
	cp -rs "$share/." "$ROOT$share/"
	cp -rs "$pkglib/." "$ROOT$pkglib/"
	[ -e "$ROOT$include" ] || ln -s "$include" "$ROOT$include"
	[ -e "$ROOT$lib" ] || ln -s "$lib" "$ROOT$lib"
	rm -rf "$ROOT$share"/extension/intrex_auth* "$ROOT$pkglib"/intrex_auth* "$ROOT$pkglib"/bitcode/intrex_auth*
	[ "$("$PRIVATE_PG_CONFIG" --pkglibdir)" = "$ROOT$pkglib" ] || die "$PRIVATE_PG_CONFIG does not find its own files"
	printf '%s\n' "$stamp" > "$ROOT/stamp"
}

# Have the server of the private installation run with settings (NAME=VALUE …)
# or by a command.  In the place of the program comes a script, and the program
# beside it, where it finds its files as well; with settings alone it goes by the
# name of the script, wherever that was copied, so that `pg_ctl restart` starts it.
wrap_server()
{
	local bin=$PRIVATE_BIN

	mv "$bin/postgres" "$bin/postgres.real"
	{
		echo '#!/bin/bash'
		echo 'name=$(cd "$(dirname "$0")" && pwd)/postgres'
		echo 'case $1 in'
		echo "	--boot | --check | --version | -V | -C) exec -a \"\$name\" '$bin/postgres.real' \"\$@\" ;;"
		echo 'esac'
		while [[ ${1:-} == *=* ]]
		do
			printf "export '%s'\n" "$1"
			shift
		done
		if [ $# -eq 0 ]
		then
			echo "exec -a \"\$name\" '$bin/postgres.real' \"\$@\""
		else
			printf 'exec'
			printf " '%s'" "$@"
			echo " '$bin/postgres.real' \"\$@\""
		fi
	} > "$bin/postgres"
	chmod 755 "$bin/postgres"
}

unwrap_server()
{
	[ ! -e "$PRIVATE_BIN/postgres.real" ] || mv "$PRIVATE_BIN/postgres.real" "$PRIVATE_BIN/postgres"
}

# Build the tree and install it into the private installation. Arguments go to make.
build_install()
{
	make -C "$TREE" -s --no-print-directory -j2 PG_CONFIG="$PRIVATE_PG_CONFIG" "$@" all &&
		make -C "$TREE" -s --no-print-directory PG_CONFIG="$PRIVATE_PG_CONFIG" "$@" install >/dev/null
}

# One run at a time may build and install in this tree. The lock ends with us.
lock_state()
{
	[ -d "$STATE" ] || mkdir -m 0755 "$STATE" || die "cannot create $STATE"
	[ -O "$STATE" ] || [ -z "$ELSEWHERE" ] || die "$STATE belongs to somebody else"
	exec 9>"$STATE/lock"
	if ! flock -n 9
	then
		say "waiting for another run in this tree"
		flock -w 1800 9 || die "another run holds $STATE/lock"
	fi
}

# Name a cluster and where it lives; sets PGHOST and PGPORT. The folder is
# closed to everybody but the server's user, and so is its socket: that is why
# connections may be trusted.
cluster()
{
	CLUSTER=$1
	CLUSTER_DIR=$ROOT/$CLUSTER
	CLUSTER_LOG=$CLUSTER_DIR/server.log
	# In a copied tree the cluster is a copy too, and its server another's.
	if [ -f "$CLUSTER_DIR/path" ] && [ "$(cat "$CLUSTER_DIR/path")" != "$CLUSTER_DIR" ]
	then
		rm -rf "$CLUSTER_DIR"
	fi
	export PGPORT=$((50000 + PG_MAJOR)) PGUSER=postgres PGHOST=$CLUSTER_DIR
	if [ "${#CLUSTER_DIR}" -gt 80 ]
	then
		# The address of a socket has a little over 100 bytes.
		PGHOST=$(cat "$CLUSTER_DIR/socket_dir" 2>/dev/null || true)
	fi
}

# Create the folder of the cluster, and that of its socket if it is elsewhere.
cluster_folder()
{
	if [ ! -d "$CLUSTER_DIR" ]
	then
		mkdir "$CLUSTER_DIR"
		[ "$(id -u)" != 0 ] || chown "$SERVER_USER:" "$CLUSTER_DIR"
		chmod 0700 "$CLUSTER_DIR"
		printf '%s\n' "$CLUSTER_DIR" > "$CLUSTER_DIR/path"
	fi
	if [ "${#CLUSTER_DIR}" -gt 80 ] && [ ! -d "$PGHOST" ]
	then
		PGHOST=$(as_server mktemp -d /tmp/intrex_auth-XXXXXXXX)
		printf '%s\n' "$PGHOST" > "$CLUSTER_DIR/socket_dir"
		say "the path of the tree is too long for a socket; it is in $PGHOST"
	fi
}

cluster_exists()
{
	[ -f "$CLUSTER_DIR/data/PG_VERSION" ]
}

cluster_running()
{
	cluster_exists && as_server "$PRIVATE_BIN/pg_ctl" status -D "$CLUSTER_DIR/data" >/dev/null 2>&1
}

# Create the cluster. Standard input is further configuration.
cluster_create()
{
	local conf

	cluster_folder
	as_server "$PRIVATE_BIN/initdb" -D "$CLUSTER_DIR/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N \
		>"$CLUSTER_DIR/initdb.log" 2>&1 9>&- || { cat "$CLUSTER_DIR/initdb.log" >&2; die "initdb failed"; }
	conf=$CLUSTER_DIR/data/postgresql.conf
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$PGHOST'"
		echo "port = $PGPORT"
		echo "cluster_name = 'intrex_auth $CLUSTER'"
		echo "shared_preload_libraries = ''"
		cat
	} >> "$conf"
}

cluster_start()
{
	cluster_running && return
	cluster_folder
	# The socket may have moved since, to a new temporary folder.
	as_server "$PRIVATE_BIN/pg_ctl" start -w -t 120 -D "$CLUSTER_DIR/data" -l "$CLUSTER_LOG" \
		-o "-c unix_socket_directories='$PGHOST'" >/dev/null 9>&- ||
		{ tail -n 30 "$CLUSTER_LOG" >&2; die "the server did not start; see $CLUSTER_LOG"; }
}

cluster_stop()
{
	if cluster_running
	then
		as_server "$PRIVATE_BIN/pg_ctl" stop -w -t 120 -m fast -D "$CLUSTER_DIR/data" >/dev/null ||
			as_server "$PRIVATE_BIN/pg_ctl" stop -w -t 60 -m immediate -D "$CLUSTER_DIR/data" >/dev/null
	fi
}

# Stop the cluster and remove every trace of it.
cluster_destroy()
{
	cluster_stop
	case $PGHOST in
		/tmp/intrex_auth-*) rm -rf "$PGHOST" ;;
	esac
	rm -rf "$CLUSTER_DIR"
}

psql_quiet()
{
	"$PRIVATE_BIN/psql" -X -q -v ON_ERROR_STOP=1 "$@" </dev/null
}
