# The Stripe double that the tests of collecting run against where it can be installed: sourced, not run.
#
# seahaven-stripe-world 0.3.0 (MIT) plays Stripe's API of the version that the client is written against. It asks for
# Python 3.14; 3.13 runs it once its annotations are deferred. With it comes Stripe's OpenAPI description, by which what the
# tests play themselves is checked. Needs a Python package index.

# Prints the folder in which `bin/python` has it, or nothing, and says why.
stripe_double() {
    local folder=$tools_folder/stripe-world-0.3.0-1 python
    if [ ! -f "$folder/complete" ]; then
        if ! python=$(python_for_stripe_double); then
            say "NOTE: the Stripe double is NOT used (it needs Python 3.13 or newer): collecting is tested against the Stripe" \
                "that the tests play themselves, alone"
            return
        fi
        say "installing the Stripe double, once"
        install_stripe_double "$python" "$folder" || {
            rm -rf "$folder"
            say "NOTE: the Stripe double could NOT be installed: collecting is tested against the Stripe that the tests play" \
                "themselves, alone"
            return
        }
    fi
    echo "$folder"
}

python_for_stripe_double() {
    local python
    for python in python3.14 python3.13 python3 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[34]*/bin/python; do
        "$python" -I -c 'import sys, venv; sys.exit(sys.version_info < (3, 13))' 2>/dev/null && command -v "$python" && return
    done
    return 1
}

install_stripe_double() {
    local python=$1 folder=$2
    mkdir -p "$tools_folder"
    "$python" -m venv "$folder" &&
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --ignore-requires-python \
            'seahaven-stripe-world[http]==0.3.0' 'seahaven==0.6.0' 'jsonschema==4.26.0' >&2 &&
        "$folder/bin/python" -I - <<'P' &&
import ast, pathlib, sysconfig
site = pathlib.Path(sysconfig.get_paths()["purelib"])
line = "from __future__ import annotations\n"
for package in ("seahaven", "seahaven_stripe_world"):
    for file in (site / package).rglob("*.py"):
        source = file.read_text()
        if line in source:
            continue
        try:
            body = ast.parse(source).body
        except SyntaxError:  # a few files that serving never imports use the syntax of 3.14
            continue
        first = body[0] if body else None
        documented = isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant)
        lines = source.splitlines(True)
        lines.insert(first.end_lineno if documented else 0, line)
        file.write_text("".join(lines))
P
        "$folder/bin/python" -I -c 'import jsonschema, seahaven_stripe_world, uvicorn' &&
        touch "$folder/complete"
}
