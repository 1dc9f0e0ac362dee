#!/usr/bin/env bash
# Demonstrates the whole system: curl uploads a video, an email arrives, curl downloads the MP3.
# usage: ./scripts/demo.sh [VIDEO] [--keep] [--summary]
#   VIDEO   your own video; without it, one of 20 seconds is made
#   --keep  leave the system running afterwards
#   --summary  also summarise it, with a fake AI provider
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

keep=""
summary=""
video=""
for argument in "$@"; do
    case "$argument" in
        --help | -h)
            sed -n '2,6s/^# //p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        --keep) keep=1 ;;
        --summary) summary=1 ;;
        -*) die "unknown option $argument: see --help" ;;
        *) video="$(realpath -e -- "$argument" 2>/dev/null)" || die "There is no file $argument." ;;
    esac
done

say "Preparing this machine..."
ensure_system
ensure_python
export PYTHONPATH="$root" PYTHONSAFEPATH=1 PATH="$root/.venv/bin:$PATH"

# Called by the trap.
# shellcheck disable=SC2317
finish() {
    local code=$?
    trap - EXIT INT TERM
    if [ -n "$keep" ]; then
        say ""
        say "The page: ${GATEWAY:-it did not start}"
        say "The system is still running. See ./scripts/local.sh status --name demo; stop it with:"
        say "  ./scripts/local.sh down --wipe --name demo"
    else
        "$root/scripts/local.sh" down --wipe --name demo >&2 || code=1
    fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$root/scripts/local.sh" up --name demo ${summary:+--provider} || die "The system did not start; the lines above say why."

folder="$root/.local/demo"
mkdir -p "$folder"
if [ -z "$video" ]; then
    video="$(PYTHONPATH="$root:$root/src" python -c 'from scripts.bench import samples; print(samples.mp4(20))')" ||
        die "The sample video could not be created with ffmpeg."
fi

# member NAME: the value of that name in the JSON on standard input.
member() { python -c 'import json, sys; value = json.load(sys.stdin)[sys.argv[1]]; print("" if value is None else value)' "$1"; }

# run COMMAND: prints a command line and runs it. Variables with secrets are printed as names.
run() {
    printf '\n$ %s\n' "$1"
    ANSWER=""
    eval "$1" || die "This step failed: $1 ${ANSWER}"
}

# follow PATH SECONDS PROGRAM: prints the progress of a job or summary until it has completed; ANSWER is its last state.
follow() {
    local watch="curl -sS --fail-with-body \"\$GATEWAY/$1\" -H \"Authorization: Bearer \$TOKEN\"" state shown="" deadline=$((SECONDS + $2))
    printf '$ %s\n' "$watch"
    while [ "$SECONDS" -lt "$deadline" ]; do
        ANSWER="$(eval "$watch")" || die "The status cannot be read: $ANSWER"
        state="$(member status <<<"$ANSWER") $(member progress <<<"$ANSWER")"
        [ "$shown" = "$state" ] || printf '%s %%\n' "$state"
        shown="$state"
        case "$state" in
            completed*) return ;;
            failed*) die "This failed: $(member error <<<"$ANSWER")" ;;
        esac
        sleep 0.3
    done
    die "This did not end within $2 seconds. Look at ./scripts/local.sh logs $3 --name demo."
}

# stack_variable NAME: the value of an environment variable of the stack.
stack_variable() {
    python -c 'import json, sys; print(json.load(open(sys.argv[1]))["environment"][sys.argv[2]])' \
        "$root/.local/stack/demo/state.json" "$1"
}

# The lines below read these by name.
# shellcheck disable=SC2034
{
    GATEWAY="$(stack_variable GATEWAY_URL)"
    MAILDIR="$(stack_variable MAILDIR)"
    VIDEO="$video"
    name="$(basename "$video")"
    MP3="$folder/${name%.*}.mp3"
}
# curl takes a name with , or ; in quotes, and in these quotes a backslash before \ and ".
VIDEO="${VIDEO//\\/\\\\}"
VIDEO="${VIDEO//\"/\\\"}"
rm -f "$MP3"

# shellcheck disable=SC2016  # the names are shown as names and expanded by run
{
    printf '\nGATEWAY=%s\nVIDEO=%s\nMP3=%s\n' "$GATEWAY" "$VIDEO" "$MP3"
    run 'EMAIL="demo-$(openssl rand -hex 4)@example.com"; PASSWORD="$(openssl rand -hex 12)"'
    run 'curl -sS --fail-with-body "$GATEWAY/register" -H "Content-Type: application/json" -d "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\"}"'
    run 'LINK_TOKEN="$(python -m scripts.demo_checks token "$MAILDIR" "$EMAIL")"'
    run 'curl -sS --fail-with-body "$GATEWAY/verify" -H "Content-Type: application/json" -d "{\"token\": \"$LINK_TOKEN\", \"password\": \"$PASSWORD\"}"'
    run 'TOKEN="$(curl -sS --fail-with-body -X POST "$GATEWAY/login" -u "$EMAIL:$PASSWORD")"'
    run 'ANSWER="$(curl -sS --fail-with-body "$GATEWAY/upload" -H "Authorization: Bearer $TOKEN" -H "Accept: application/json" -F "file=@\"$VIDEO\"")"'
    printf '%s\n' "$ANSWER"
    VIDEO_FID="$(member video_fid <<<"$ANSWER")"

    printf '\nVIDEO_FID=%s\n' "$VIDEO_FID"
    follow 'jobs/$VIDEO_FID' 3600 converter

    printf '\nThe email that arrived:\n'
    LETTER="$(python -m scripts.demo_checks email "$MAILDIR" "$EMAIL")" || die "No email arrived. Look at ./scripts/local.sh logs notification --name demo."
    printf '%s\n' "$LETTER" | sed 's/^/  | /'
    [[ "$LETTER" == *"Subject: MP3 Download"* ]] || die "The subject of the email is not \"MP3 Download\"."
    [[ "$LETTER" =~ mp3\ file_id:\ ([0-9a-f]{24})\ is\ now\ ready! ]] || die "The email does not contain the id of the MP3."
    printf '\nMP3_FID=%s\n' "${BASH_REMATCH[1]}"
    # shellcheck disable=SC2034
    MP3_FID="${BASH_REMATCH[1]}"
    run 'curl -sS --fail-with-body "$GATEWAY/download?fid=$MP3_FID" -H "Authorization: Bearer $TOKEN" -o "$MP3"'
}
python -m scripts.demo_checks mp3 "$video" "$MP3" || die "The downloaded MP3 does not match the audio of the video."

if [ -n "$summary" ]; then
    # shellcheck disable=SC2016  # the names are shown as names and expanded by run
    {
        run 'ANSWER="$(curl -sS --fail-with-body "$GATEWAY/summaries" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d "{\"file_id\": \"$MP3_FID\"}")"'
        # shellcheck disable=SC2034  # the lines below read it by name
        SUMMARY="$(member _id <<<"$ANSWER")"
        printf '\nSUMMARY=%s\n' "$SUMMARY"
        follow 'summaries/$SUMMARY' 600 summary-worker
        printf '%s\n' "$ANSWER"
        run 'curl -sS --fail-with-body "$GATEWAY/transcripts/$MP3_FID?format=srt" -H "Authorization: Bearer $TOKEN"'
    }
fi
printf '\nDone: %s\n' "$MP3"
