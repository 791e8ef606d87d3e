# shellcheck shell=bash
# Processes that outlive the script: each is known by its recorded id and start time, never by name.

PROCESS_DIR=$RUN_DIR/processes

# start_time PID prints when the kernel started it; an id that was given again has another one.
start_time() {
  local stat
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  # The second field is the name in parentheses, and may hold blanks.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  # Nobody may collect the exit status of a process that has ended, but it has ended.
  [ "$1" != Z ] && echo "${20}"
}

# is_process PID START_TIME
is_process() { [ -n "$2" ] && [ "$(start_time "$1")" = "$2" ]; }

# running NAME sets pid to the process recorded for NAME, if it still is that process.
running() {
  local started
  pid=
  [ -f "$PROCESS_DIR/$1" ] || return 1
  read -r pid started _ <"$PROCESS_DIR/$1"
  is_process "$pid" "$started"
}

# others_cluster sets owner, the state directory of the cluster that has the machine's one bridge, ports and run
# directory, and says whether it is another than this one and runs.
others_cluster() {
  owner=$(cat "$RUN_DIR/owner" 2>/dev/null) || return 1
  [ "$owner" != "$STATE_DIR" ] || return 1
  local name
  for name in "${PROCESSES[@]}"; do
    ! running "$name" || return 0
  done
  return 1
}

# start NAME COMMAND... leaves a process alone that runs with exactly these arguments.
start() {
  local name=$1 sum recorded
  shift
  sum=$(printf '%s\n' "$@" | cksum)
  sum=${sum%% *}
  if running "$name"; then
    read -r _ _ recorded <"$PROCESS_DIR/$name"
    [ "$recorded" != "$sum" ] || return 0
    stop "$name"
  fi
  mkdir -p "$PROCESS_DIR" "$LOG_DIR"
  # A session of its own: the terminal's Ctrl-C is not for it.
  (close_inherited && exec setsid "$@") </dev/null >>"$LOG_DIR/$name.log" 2>&1 &
  echo "$! $(start_time $!) $sum" >"$PROCESS_DIR/$name"
  disown $!
}

# close_inherited closes what the script or its caller has open, such as a lock, which would be held as long as the
# process runs. Descriptor 255 is bash's own and ends with it.
close_inherited() {
  local fd
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    case $fd in 0 | 1 | 2 | 255) ;; *) eval "exec $fd>&-" ;; esac
  done
}

# stop NAME asks, waits for ten seconds, and then insists.
stop() {
  local pid started
  running "$1" || { rm -f "$PROCESS_DIR/$1" && return; }
  read -r pid started _ <"$PROCESS_DIR/$1"
  kill "$pid" 2>/dev/null || true
  if ! eventually 10 not is_process "$pid" "$started"; then
    kill -KILL "$pid" 2>/dev/null || true
    eventually 5 not is_process "$pid" "$started" || say "$1 (process $pid) does not end"
  fi
  rm -f "$PROCESS_DIR/$1"
}

not() { ! "$@"; }

# await NAME SECONDS COMMAND... waits until a started process answers, and shows its log if it does not.
await() {
  local name=$1 bound=$2 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    running "$name" || give_up "$name has ended"
    [ $SECONDS -lt $deadline ] || give_up "$name is not ready after $bound s"
    sleep 0.1
  done
}

give_up() {
  local log=$LOG_DIR/${1%% *}.log
  say "--- the end of $log"
  tail -n 25 "$log" >&2 || true
  die "$1"
}
