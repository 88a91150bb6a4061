# What the scripts of this folder share, sourced by them: runs that go on where they were stopped, judgements that are
# kept, and the numbers in them. Every command is written to RESULTS/commands.
# From the environment: RESULTS, the folder of the runs; VITC (build/vitc); THREADS of each run.
# shellcheck shell=bash
vitc=${VITC:-build/vitc}
images=50000 # of CIFAR-10, to train on

said() { # COMMAND...: written down, then run; what it prints goes to the log of the caller's run, `name`
    echo "${*@Q}" >>"$results/commands"
    "$@" >>"$results/$name.log" 2>&1 || { echo "$name: see $results/$name.log" >&2; return 1; }
}

flops() { # RECIPE settings...: operations of an image and step, as compiled
    "$vitc" check "$@" --format=json | jq '.step.flops.all / .batch'
}

train() { # NAME RECIPE settings...
    local name=$1 begun=$SECONDS
    shift
    [ ! -e "$results/$name/done" ] || return 0
    mkdir -p "$results"
    said "$vitc" train "$@" --data "$data" --resume --out "$results/$name" --threads "$threads" --plain || return
    echo $((SECONDS - begun)) >>"$results/$name.seconds"
    touch "$results/$name/done"
}

minutes() { # NAME: that its training took, of all calls
    awk '{s += $1} END {printf "%.1f", s / 60}' "$results/$1.seconds"
}

judge() { # NAME PROTOCOL FILE flags...: what is found in one way is kept in a file of its own
    local name=$1 protocol=$2 file=$results/$1/$3.json
    shift 3
    [ -e "$file" ] ||
        said "$vitc" eval "$protocol" "$results/$name" --data "$data" --threads "$threads" --json "$file" "$@"
}

score() { # NAME FILE [ENCODER]: top-1 of the headline in percent, or null
    local file=$results/$1/$2.json
    [ -e "$file" ] || { echo null; return; }
    jq --arg encoder "${3:-trained}" '[.[] | select(.encoder == $encoder)] | last | .headline.top1
        | if . then . * 100 | round / 100 else null end' "$file"
}
