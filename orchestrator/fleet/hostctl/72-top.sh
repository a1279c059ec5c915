# ---- top --------------------------------------------------------------------------------------------------------

BUSIEST=20

# A name may hold line breaks and parentheses, so a file is read whole and split behind the last of them. A process that
# is gone meanwhile reads as nothing, with every awk.
READ_STAT='
    function stat_of(pid,  file, line, text) {
        file = "/proc/" pid "/stat"
        text = ""
        while ((getline line < file) > 0) text = text line " "
        close(file)
        comm = text
        sub(/^[^(]*\(/, "", comm)
        sub(/\)[^)]*$/, "", comm)
        sub(/^.*\)/, "", text)
        return split(text, field, " ") >= 22 # state ppid pgrp session tty tpgid ..., proc_pid_stat(5) from (3) on
    }'

busiest() { # "sample HUNDREDTHS PROCESSES", then "busy PID TICKS SPENT KB STATE" of the busiest by time and by memory
    # In one process that takes both samples itself: between them, mawk would wait for a pipe to be full.
    # Our own share is left out: it would be at the top of every quiet host.
    awk -v self="$$" -v most="$BUSIEST" "$READ_STAT"'
        function now(  words) {
            getline line < "/proc/uptime"
            close("/proc/uptime")
            split(line, words, " ")
            return words[1]
        }
        function ours(pid,  steps) {
            for (steps = 0; pid > 1 && steps < 32; steps++) { if (pid == self) return 1; pid = parent[pid] }
            return 0
        }
        function resident(pid,  file, line, words, found) {
            file = "/proc/" pid "/status"
            found = 0
            while ((getline line < file) > 0) if (line ~ /^VmRSS:/) { split(line, words, " "); found = words[2] }
            close(file)
            return found
        }
        function pick(what,  n, pid, best, taken) { # the highest of them into chosen
            for (n = 0; n < most; n++) {
                best = ""
                for (pid in what) if (!(pid in taken) && what[pid] > (best == "" ? 0 : what[best])) best = pid
                if (best == "") return
                taken[best]
                chosen[best]
            }
        }
        BEGIN {
            began = now()
            while (("ls /proc" | getline pid) > 0)
                if (pid ~ /^[0-9]+$/ && stat_of(pid)) before[pid, field[20]] = field[12] + field[13]
            close("ls /proc")
            system("sleep 0.7 2>/dev/null || sleep 1")
            ended = now()
            while (("ls /proc" | getline pid) > 0) {
                if (pid !~ /^[0-9]+$/ || !stat_of(pid)) continue
                count++
                parent[pid] = field[2]
                state[pid] = field[1]
                ticks[pid] = field[20]
                spent[pid] = field[12] + field[13] - before[pid, field[20]]
                pages[pid] = field[22]
            }
            for (pid in spent) if (ours(pid)) { delete pages[pid]; delete spent[pid]; count-- }
            pick(spent)
            pick(pages)
            printf "sample\t%d\t%d\n", (ended - began) * 100, count
            for (pid in chosen) printf "busy\t%s\t%s\t%d\t%d\t%s\n", pid, ticks[pid], spent[pid], resident(pid), state[pid]
        }' </dev/null
}

verb_top() {
    timebase
    put clock "$clock"
    [ -r /proc/1/stat ] && put view whole || put view partial # hidepid, proc(5)
    busiest | while IFS=$TAB read -r _kind _a _b _c _d _e; do
        case $_kind in
        sample) put sample "$_a" "$_b" ;;
        busy) put busy "$_a" "$_b" "$_c" "$_d" "$_e" && process "$_a" ;;
        esac
    done
}
