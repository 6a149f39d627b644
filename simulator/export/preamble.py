"""The shell that a script for a real QEMU begins with: QEMU started, spoken to, and ended."""

DAEMON = (
    "qemu-storage-daemon --nbd-server addr.type=unix,addr.path=nbd.sock "
    "--chardev stdio,id=qmp --monitor chardev=qmp"
)


PULL = """\
# Be the client of a pull backup: read an export into a file, or just what a bitmap tells.
pull() {
    address="nbd+unix:///$1?socket=${server:-SOCKET}"
    if [ -z "${3-}" ]; then
        qemu-img convert -n -f raw -O qcow2 "$address" "$2"
        return
    fi
    told="driver=nbd,export=$1,server.type=unix,server.path=${server:-SOCKET}"
    told="$told,x-dirty-bitmap=qemu:dirty-bitmap:$3"
    qemu-img map --output=json --image-opts "$told" >map.json
    qemu-img rebase -u -f qcow2 -b "$address" -F raw "$2"
    # What is dirty is said to hold no data.
    sed -n 's/.*"start": \\([0-9]*\\), "length": \\([0-9]*\\),.*"data": false.*/\\1 \\2/p' \\
        map.json |
        while read -r start length; do
            qemu-io -C -f qcow2 -c "read $start $length" "$2" >/dev/null
        done
    rm map.json
    qemu-img rebase -u -f qcow2 -b "" "$2"
}

# The same into a file that is there, of the format $4, in clusters of $5.
pull_over() {
    qemu-img create -q -f qcow2 -o "cluster_size=$5" -b "$2" -F "$4" part
    qemu-img rebase -u -f qcow2 -b "" part
    pull "$1" part "$3"
    qemu-img rebase -u -f qcow2 -b "$2" -F "$4" part
    qemu-img commit -q -f qcow2 part
    rm part
}

# Let qemu-nbd serve an image file to a client that asks no host.
serve() {
    server=client.nbd
    qemu-nbd -t -k "$PWD/client.nbd" "$@" &
    client=$!
    until [ -S client.nbd ]; do
        kill -0 "$client"
        sleep 0.02
    done
}

serve_no_more() {
    kill "$client"
    wait "$client" || :
    server=
    client=
    rm -f client.nbd
}
"""
"""The client of a pull backup, as a function of a shell script; SOCKET is where the export is."""


BEFORE_PULL = """\
set -eu

folder=${1:-NAME}
mkdir "$folder"
cd "$folder"
qemu=

# Nothing stays behind where something fails.
finish() {
    status=$?
    if [ -n "$qemu" ]; then kill -9 "$qemu" 2>/dev/null || :; fi
    if [ -n "${client-}" ]; then kill "$client" 2>/dev/null || :; fi
    rm -f qmp.in qmp.out nbd.sock
    exit "$status"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

# QMP goes through the daemon's standard input and output.
start_qemu() {
    mkfifo qmp.in qmp.out
    qemu-storage-daemon --nbd-server addr.type=unix,addr.path=nbd.sock \\
        --chardev stdio,id=qmp --monitor chardev=qmp <qmp.in >qmp.out &
    qemu=$!
    exec 3>qmp.in 4<qmp.out
    rm qmp.in qmp.out
    read -r answer <&4
    qmp '{"execute": "qmp_capabilities"}'
}

# The guest writes through NBD, and flushes.
guest() {
    export=$1
    shift
    qemu-io -d unmap -f raw "$@" -c flush "nbd+unix:///$export?socket=nbd.sock" >/dev/null
}

# Send a command; what QEMU answers is in $answer. The job $failing is meant to fail.
failing=
send() {
    printf '%s\\n' "$1" >&3
    while read -r answer <&4; do
        case $answer in
        '{"return"'*) return 0 ;;
        '{"error"'*) return 1 ;;
        *'"BLOCK_JOB_COMPLETED"'*"\\"device\\": \\"$failing\\""*) ;;
        *'"BLOCK_JOB_COMPLETED"'*'"error"'*) fail "$answer" ;;
        esac
    done
    fail "QEMU is gone"
}

fail() {
    printf '%s\\n' "$@" >&2
    exit 1
}

qmp() {
    send "$1" || fail "QEMU refuses $1" "$answer"
}

# This one must be turned down.
refused() {
    if send "$1"; then fail "QEMU accepts $1"; fi
}

# This program must fail.
turned_down() {
    if "$@" >/dev/null 2>&1; then fail "accepted: $*"; fi
}

# Wait until an export is gone.
await_gone() {
    while :; do
        qmp '{"execute": "query-block-exports"}'
        case $answer in *"\\"id\\": \\"$1\\""*) sleep 0.02 ;; *) return 0 ;; esac
    done
}

"""


AFTER_PULL = """\
# Wait until a job is in a state, or gone.
await_job() {
    while :; do
        qmp '{"execute": "query-jobs"}'
        state=$(printf '%s' "$answer" | tr '}' '\\n' | grep -F "\\"id\\": \\"$1\\"") || state=gone
        case $state in gone | *"\\"status\\": \\"$2\\""*) return 0 ;; esac
        sleep 0.02
    done
}

# Wait until a job that follows the guest has copied what it wrote.
await_synced() {
    sleep 0.2
    while :; do
        qmp '{"execute": "query-jobs"}'
        state=$(printf '%s' "$answer" | tr '}' '\\n' | grep -F "\\"id\\": \\"$1\\"")
        copied=$(printf '%s' "$state" | sed 's/.*"current-progress": \\([0-9]*\\).*/\\1/')
        case $state in *"\\"total-progress\\": $copied"[!0-9]*) return 0 ;; esac
        sleep 0.02
    done
}

quit_qemu() {
    qmp '{"execute": "quit"}'
    exec 3>&-
    wait "$qemu"
    exec 4<&-
    qemu=
}

kill_qemu() {
    kill -9 "$qemu"
    wait "$qemu" 2>/dev/null || :
    exec 3>&- 4<&-
    qemu=
}
"""


PREAMBLE = f"{BEFORE_PULL}{PULL.replace('SOCKET', 'nbd.sock')}\n{AFTER_PULL}"
"""What a script starts with: how to talk to QEMU, and how to leave nothing behind."""
