# What the scripts of this folder share, sourced by them: runs that go on where they were stopped, judgements that are
# kept, and the numbers in them, a line of JSON a run in files beside the scripts. Every command is written to
# RESULTS/commands.
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

keep() { # FILE NAME jq-arguments...: the line of that name, in the place of the one it had
    local file=$1 name=$2
    shift 2
    {
        flock 9
        touch "$file"
        grep -v "^{\"name\":\"$name\"," "$file" >"$results/lines" || true
        jq -nc --arg name "$name" "$@" '$ARGS.named' | tee -a "$results/lines"
        cp "$results/lines" "$file"
    } 9>"$results/lines.lock"
}

has_line() { # FILE NAME [FIGURE]: whether there is that line, with that figure
    jq -se --arg name "$2" --arg figure "${3:-name}" 'any(.[]; .name == $name and .[$figure] != null)' "$1" \
        >/dev/null 2>&1
}

replace_table() { # NAME: what stands between the marks of that name in docs/results.md, by what comes in
    local rows
    rows=$(mktemp)
    cat >"$rows"
    sed -i -e "/^<!-- $1 -->/,/^<!-- end of $1 -->/{/^<!-- $1 -->/{p;r $rows
};/^<!-- end of $1 -->/p;d}" docs/results.md
    rm "$rows"
}
