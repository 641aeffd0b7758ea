#!/bin/bash
# packages.sh - see to it that what the build and the tests need is installed.
#
# As root on Debian, missing packages are installed; otherwise one message names them.
# Usage: packages.sh build|test
set -euo pipefail

major=15
build="gcc make postgresql-server-dev-$major postgresql-$major python3"
test="$build postgresql-$major-pgtap libtap-parser-sourcehandler-pgtap-perl libipc-run-perl perl unzip"
what=${1:?usage: packages.sh build|test}
missing=""
for package in ${!what}; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
# Another compiler or Python than Debian's serves as well.
for tool in gcc make python3; do
	command -v $tool >/dev/null 2>&1 && missing=${missing/ $tool/}
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing packages:$missing" >&2
	echo "Install them as root: apt-get install$missing" >&2
	exit 1
fi
echo "installing$missing"
# The server package would create a cluster of its own; nothing here needs one.
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
mkdir -p /etc/postgresql-common/createcluster.d
echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/postgres_llm.conf
trap 'rm -f /etc/postgresql-common/createcluster.d/postgres_llm.conf' EXIT
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing > /dev/null
