# What every command in bin/ needs before it can start: sourced, not run.
#
# Says what it does on standard error, so that a command's own output stays clean. Changes nothing outside the
# repository except that, as root on Debian, it installs missing packages.

# The crates' SQL is checked against the committed .sqlx, never against whatever DATABASE_URL points to.
export SQLX_OFFLINE=true

# A place for tools that survives `cargo clean` and a fresh clone.
tools_folder=${XDG_CACHE_HOME:-${HOME:-$root/target}/.cache}/tenantry

say() {
    printf 'bin/%s: %s\n' "$(basename "$0")" "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# Cargo, new enough for the workspace.
require_cargo() {
    local wanted found
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
        PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    fi
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    command -v cargo >/dev/null ||
        die "the Rust toolchain is missing: install Rust $wanted or newer (https://rustup.rs), then open a new shell"
    found=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ] ||
        die "Rust $found is too old: \`rustup update\` brings $wanted or newer"
}

# A C compiler and the C library's headers: what the cryptography (aws-lc) is built with. It needs no cmake and no
# assembler of its own on x86-64 and ARM.
require_c_compiler() {
    can_compile_c || debian_install gcc libc6-dev || true
    can_compile_c || die "a C compiler is missing: install one (Debian: gcc libc6-dev; macOS: xcode-select --install)"
}

can_compile_c() {
    printf '#include <stdlib.h>\n' | cc -x c -fsyntax-only - 2>/dev/null
}

# Installs Debian packages without starting the services in them. Fails where that is not possible.
debian_install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        return 1
    fi
    say "installing $* (Debian)"
    (
        export DEBIAN_FRONTEND=noninteractive
        # dpkg asks this file whether it may start a package's service; one that exists already is left alone.
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ]; then
            trap 'rm -f "$policy"' EXIT
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod 755 "$policy"
        fi
        install() {
            apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"
        }
        # The package lists may be missing or old: then the first try fails.
        install "$@" >/dev/null 2>&1 || { apt-get -qq update && install "$@"; } >/dev/null
    ) </dev/null >&2
}

# Prints where pgbouncer is, or nothing: the test through a pooler then says that it proved nothing.
pgbouncer_binary() {
    local path=$PATH:/usr/sbin:/usr/local/sbin
    PATH=$path command -v pgbouncer && return
    debian_install pgbouncer && PATH=$path command -v pgbouncer && return
    say "NOTE: pgbouncer is not installed, so the test through a connection pooler cannot run (Debian: pgbouncer)"
}

# Prints where nginx is, or nothing: the test of the gateway then says that it proved nothing.
nginx_binary() {
    local path=$PATH:/usr/sbin:/usr/local/sbin
    PATH=$path command -v nginx && return
    debian_install nginx-light && PATH=$path command -v nginx && return
    say "NOTE: nginx is not installed, so the test of a real gateway cannot run (Debian: nginx-light)"
}

# Prints where a Redis server is, or nothing: the tests of several nodes with it then say that they proved nothing.
redis_binary() {
    local path=$PATH:/usr/sbin:/usr/local/sbin
    PATH=$path command -v redis-server && return
    PATH=$path command -v valkey-server && return
    debian_install redis-server && PATH=$path command -v redis-server && return
    say "NOTE: Redis is not installed, so tests of several nodes with it cannot run (Debian: redis-server)"
}

# Prints a Python that has PyJWT, or nothing: then OpenSSL alone checks the signatures of access tokens.
jwt_python() {
    local python venv=$tools_folder/pyjwt
    local has_pyjwt='import jwt, cryptography'
    for python in python3 /usr/bin/python3 "$venv/bin/python"; do
        "$python" -I -c "$has_pyjwt" 2>/dev/null && command -v "$python" && return
    done
    debian_install python3-jwt python3-cryptography && /usr/bin/python3 -I -c "$has_pyjwt" 2>/dev/null &&
        echo /usr/bin/python3 && return
    mkdir -p "$tools_folder"
    python3 -m venv "$venv" 2>/dev/null &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'PyJWT[crypto]' >&2 &&
        echo "$venv/bin/python" && return
    say "NOTE: PyJWT is not installed, so OpenSSL alone checks access tokens (Debian: python3-jwt python3-cryptography)"
}

# Runs a command in a process group of its own and passes interrupt and termination on to all of it, so that
# whoever stops the script stops everything below it. Returns the command's status.
run_stoppable() {
    local child status=0
    set -m
    "$@" </dev/null &
    child=$!
    set +m
    trap 'kill -INT -- "-$child" 2>/dev/null || true' INT
    trap 'kill -TERM -- "-$child" 2>/dev/null || true' TERM HUP
    while :; do
        status=0
        wait "$child" || status=$?
        kill -0 "$child" 2>/dev/null || break
    done
    trap - INT TERM HUP
    return "$status"
}
