# Runs one server, and ends it with whoever holds the other end of standard input: `cargo xtask` may be killed in any way,
# the pipe is closed by the kernel. Arguments: a folder that goes with the server, its log, and the server's command line.
folder=$1 log=$2
shift 2
# Ctrl-C reaches the whole group. The server hears of the end through the pipe, in order.
trap '' INT TERM HUP
exec 3<&0
"$@" </dev/null >"$log" 2>&1 3<&- &
server=$!
{
    read -r _ <&3
    # In order, or after a while out of it.
    kill -INT "$server" && sleep 5 && kill -KILL "$server"
} >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$server"
kill -KILL "$watcher" 2>/dev/null
rm -rf "$folder"
