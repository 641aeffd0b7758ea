# private_pg.sh - a private copy of a PostgreSQL installation, and clusters in it; to be sourced.
#
# PostgreSQL finds its libraries and extensions relative to its executables, so a tree with copied programs
# and linked libraries is an installation of its own: we install into that, and the system's stays
# as it is.  PostgreSQL refuses to run as root; root runs it as the user LLM_RUN_AS.
#
# The caller sets PG_WORK, a temporary directory that others can enter.
#
#	private_pg_create PG_CONFIG        make the tree $PG_WORK/install/pg; sets PG_BIN, PG_LIB, PG_SHARE
#	                                   and PG_PREFIX_CONFIG, its pg_config
#	private_pg_install                 build and install this checkout into it, from the copy $PG_WORK/src
#	private_pg_as COMMAND...           run as the unprivileged user
#	private_pg_init DATA [SETTING...]  initdb and settings for a throw-away cluster
#	private_pg_start DATA / private_pg_stop DATA

LLM_RUN_AS=${LLM_RUN_AS:-nobody}

private_pg_as()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid "$(id -u "$LLM_RUN_AS")" --regid "$(id -g "$LLM_RUN_AS")" --clear-groups \
			env HOME="$PG_WORK" USER="$LLM_RUN_AS" LOGNAME="$LLM_RUN_AS" "$@"
	else
		env HOME="$PG_WORK" "$@"
	fi
}

# Give the unprivileged user a directory.
private_pg_own()
{
	mkdir -p "$1"
	[ "$(id -u)" != 0 ] || chown "$LLM_RUN_AS" "$1"
}

private_pg_create()
{
	local config=$1 dir=$PG_WORK/install/pg bindir libdir sharedir root tail
	bindir=$(realpath "$("$config" --bindir)")
	libdir=$(realpath "$("$config" --pkglibdir)")
	sharedir=$(realpath "$("$config" --sharedir)")
	# The tree keeps the directories' places relative to each other.
	root=$(python3 -c 'import os, sys; print(os.path.commonpath(sys.argv[1:]))' "$bindir" "$libdir" "$sharedir")
	PG_BIN=$dir/${bindir#"$root"/}
	PG_LIB=$dir/${libdir#"$root"/}
	PG_SHARE=$dir/${sharedir#"$root"/}
	PG_PREFIX_CONFIG=$PG_BIN/pg_config
	mkdir -p "$PG_BIN" "$PG_LIB" "$PG_SHARE/extension"
	# Links do not help where the unprivileged user may not follow them, as into root's home.
	PG_LINK="ln -s"
	private_pg_as test -r "$sharedir/extension/plpgsql.control" || PG_LINK="cp -r"
	cp -L "$bindir"/* "$PG_BIN"/
	chmod a+rx "$PG_BIN"/*
	link_entries "$libdir" "$PG_LIB"
	link_entries "$sharedir" "$PG_SHARE"
	link_entries "$sharedir/extension" "$PG_SHARE/extension"
	link_entries "$root" "$dir"
	link_entries "$root/lib" "$dir/lib"
	rm -rf "$PG_LIB"/postgres_llm* "$PG_SHARE"/postgres_llm "$PG_SHARE"/extension/postgres_llm*
	# A wheel keeps libraries of its own two directories up.
	for tail in "$root"/../../*.libs; do
		[ ! -d "$tail" ] || $PG_LINK "$tail" "$PG_WORK/"
	done
}

# Link (or copy) every entry of a directory that is not there yet.
link_entries()
{
	local entry
	for entry in "$1"/*; do
		[ -e "$2/${entry##*/}" ] || $PG_LINK "$entry" "$2/"
	done
}

private_pg_install()
{
	# The module's objects depend on the server's version, so they are made in a copy; the engine does not.
	local copy=$PG_WORK/src build=${BUILD:-$PWD/.build/release}
	mkdir -p "$copy"
	cp -rp Makefile postgres_llm.control sql src kernels test expected "$copy/"
	find "$copy/src" -name '*.o' -delete
	rm -f "$copy"/*.so
	make -s -j2 -C "$copy" PG_CONFIG="$PG_PREFIX_CONFIG" BUILD="$build" all install
	chmod -R a+rX "$PG_WORK/install" "$copy"
}

private_pg_init()
{
	local data=$1
	shift
	private_pg_own "$(dirname "$data")"
	private_pg_as "$PG_BIN/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C -N > "$PG_WORK/initdb.log" 2>&1 ||
		{ cat "$PG_WORK/initdb.log" >&2; return 1; }
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$PG_WORK'"
		echo "fsync = off"
		echo "jit = off"
		echo "timezone = 'UTC'"
		echo "log_timezone = 'UTC'"
		echo "shared_preload_libraries = 'postgres_llm'"
		local setting
		for setting in "$@"; do echo "$setting"; done
	} | private_pg_as tee -a "$data/postgresql.conf" > /dev/null
	export PGHOST=$PG_WORK PGUSER=postgres PGDATABASE=postgres
	unset PGPORT
}

private_pg_start()
{
	private_pg_as "$PG_BIN/pg_ctl" -D "$1" -w -t 60 -l "$1/server.log" start > /dev/null ||
		{ tail -n 50 "$1/server.log" >&2; return 1; }
}

private_pg_stop()
{
	[ ! -f "$1/postmaster.pid" ] || private_pg_as "$PG_BIN/pg_ctl" -D "$1" -m fast -w stop > /dev/null
}
