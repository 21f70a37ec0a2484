# Makes .venv once and keeps it in step with the requirements; read by ./run and ./test, which set $project.
#
# A stamp in .venv for each requirements file says where the environment was made and what was installed. No stamp of
# requirements.txt: the environment was never finished, and is made anew. Another place: it was moved, likewise. Other
# contents: pip brings it up to date.

environment=$project/.venv
# The project is found from anywhere, and the working folder is no place to import modules from.
export PYTHONPATH="$project${PYTHONPATH:+:$PYTHONPATH}" PYTHONSAFEPATH=1

say() { printf '%s\n' "$*" >&2; }

stamp_of() { printf '%s %s' "$project" "$(cat "$project/requirements.txt" "$project/$1" | cksum)"; }

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
    case "$(cat "$environment/.stamp-requirements.txt" 2>/dev/null)" in
        "$project "*) [ -x "$environment/bin/python" ] && return ;;
    esac
    if [ -e "$environment" ] && [ ! -w "$environment" ]; then
        say "error: $environment was made by another user and does not work for this one: remove it, or copy the project"
        return 69
    fi
    say "Making .venv with $("$1" --version) ..."
    rm -rf "$environment"
    "$1" -m venv "$environment" >&2
}

install_requirements() {
    say "Installing $1 (a minute or two the first time) ..."
    # Without the stamp, an environment whose installation is cut short counts as unfinished. Where pip itself gives up,
    # it has changed nothing, and the stamp comes back.
    before=$(cat "$environment/.stamp-requirements.txt" 2>/dev/null) || before=
    rm -f "$environment"/.stamp-*
    "$environment/bin/python" -m pip install -qq --disable-pip-version-check --no-input -r "$project/$1" >&2 || {
        [ -z "$before" ] || printf '%s' "$before" >"$environment/.stamp-requirements.txt"
        say "error: $1 could not be installed; pip says why above"
        return 69
    }
    stamp_of requirements.txt >"$environment/.stamp-requirements.txt"
    stamp_of "$1" >"$environment/.stamp-$1"
}

# prepare FILE: the environment has what FILE (requirements.txt, or one that includes it) names.
prepare() {
    is_ready "$1" && return
    python=$(find_python) || return
    (
        # Of two at once, one makes it and the other waits. The lock, on the project's folder, belongs to descriptor 9 and
        # so ends with this subshell, however that ends. (flock(1) is not on every machine.)
        "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
        is_ready "$1" && exit
        make_environment "$python"
        install_requirements "$1"
    ) 9<"$project"
}
