#!/bin/bash

__pellucid_cursor_index_in_current_word() {
    local remaining="${COMP_LINE}"

    local word
    for word in "${COMP_WORDS[@]::COMP_CWORD}"; do
        remaining="${remaining##*([[:space:]])"${word}"*([[:space:]])}"
    done

    local -ir index="$((COMP_POINT - ${#COMP_LINE} + ${#remaining}))"
    if [[ "${index}" -le 0 ]]; then
        printf 0
    else
        printf %s "${index}"
    fi
}

# positional arguments:
#
# - 1: the current (sub)command's count of positional arguments
#
# required variables:
#
# - repeating_flags: the repeating flags that the current (sub)command can accept
# - non_repeating_flags: the non-repeating flags that the current (sub)command can accept
# - repeating_options: the repeating options that the current (sub)command can accept
# - non_repeating_options: the non-repeating options that the current (sub)command can accept
# - positional_number: value ignored
# - unparsed_words: unparsed words from the current command line
#
# modified variables:
#
# - non_repeating_flags: remove flags for this (sub)command that are already on the command line
# - non_repeating_options: remove options for this (sub)command that are already on the command line
# - positional_number: set to the current positional number
# - unparsed_words: remove all flags, options, and option values for this (sub)command
__pellucid_offer_flags_options() {
    local -ir positional_count="${1}"
    positional_number=0

    local was_flag_option_terminator_seen=false
    local is_parsing_option_value=false

    local -ar unparsed_word_indices=("${!unparsed_words[@]}")
    local -i word_index
    for word_index in "${unparsed_word_indices[@]}"; do
        if "${is_parsing_option_value}"; then
            # This word is an option value:
            # Reset marker for next word iff not currently the last word
            [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]] && is_parsing_option_value=false
            unset "unparsed_words[${word_index}]"
            # Do not process this word as a flag or an option
            continue
        fi

        local word="${unparsed_words["${word_index}"]}"
        if ! "${was_flag_option_terminator_seen}"; then
            case "${word}" in
            --)
                unset "unparsed_words[${word_index}]"
                # by itself -- is a flag/option terminator, but if it is the last word, it is the start of a completion
                if [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]]; then
                    was_flag_option_terminator_seen=true
                fi
                continue
                ;;
            -*)
                # ${word} is a flag or an option
                # If ${word} is an option, mark that the next word to be parsed is an option value
                local option
                for option in "${repeating_options[@]}" "${non_repeating_options[@]}"; do
                    [[ "${word}" = "${option}" ]] && is_parsing_option_value=true && break
                done

                # Remove ${word} from ${non_repeating_flags} or ${non_repeating_options} so it isn't offered again
                local not_found=true
                local -i index
                for index in "${!non_repeating_flags[@]}"; do
                    if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                        unset "non_repeating_flags[${index}]"
                        non_repeating_flags=("${non_repeating_flags[@]}")
                        not_found=false
                        break
                    fi
                done
                if "${not_found}"; then
                    for index in "${!non_repeating_flags[@]}"; do
                        if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                            unset "non_repeating_flags[${index}]"
                            non_repeating_flags=("${non_repeating_flags[@]}")
                            break
                        fi
                    done
                fi
                unset "unparsed_words[${word_index}]"
                continue
                ;;
            esac
        fi

        # ${word} is neither a flag, nor an option, nor an option value
        if [[ "${positional_number}" -lt "${positional_count}" || "${positional_count}" -lt 0 ]]; then
            # ${word} is a positional
            ((positional_number++))
            unset "unparsed_words[${word_index}]"
        else
            if [[ -z "${word}" ]]; then
                # Could be completing a flag, option, or subcommand
                positional_number=-1
            else
                # ${word} is a subcommand or invalid, so stop processing this (sub)command
                positional_number=-2
            fi
            break
        fi
    done

    unparsed_words=("${unparsed_words[@]}")

    if\
        ! "${was_flag_option_terminator_seen}"\
        && ! "${is_parsing_option_value}"\
        && [[ ("${cur}" = -* && "${positional_number}" -ge 0) || "${positional_number}" -eq -1 ]]
    then
        COMPREPLY+=($(compgen -W "${repeating_flags[*]} ${non_repeating_flags[*]} ${repeating_options[*]} ${non_repeating_options[*]}" -- "${cur}"))
    fi
}

__pellucid_add_completions() {
    local completion
    while IFS='' read -r completion; do
        COMPREPLY+=("${completion}")
    done < <(IFS=$'\n' compgen "${@}" -- "${cur}")
}

__pellucid_custom_complete() {
    if [[ -n "${cur}" || -z ${COMP_WORDS[${COMP_CWORD}]} || "${COMP_LINE:${COMP_POINT}:1}" != ' ' ]]; then
        local -ar words=("${COMP_WORDS[@]}")
    else
        local -ar words=("${COMP_WORDS[@]::${COMP_CWORD}}" '' "${COMP_WORDS[@]:${COMP_CWORD}}")
    fi

    "${COMP_WORDS[0]}" "${@}" "${words[@]}"
}

_pellucid() {
    local state
    state="$(shopt -p;shopt -po)"
    trap "${state//$'\n'/;}" RETURN
    shopt -s extglob
    set +o history +o posix

    local -xr SAP_SHELL=bash
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(IFS='.';printf %s "${BASH_VERSINFO[*]}")"
    local -r SAP_SHELL_VERSION

    local -r cur="${2}"
    local -r prev="${3}"

    local -i positional_number
    local -a unparsed_words=("${COMP_WORDS[@]:1:${COMP_CWORD}}")

    local -a repeating_flags=()
    local -a non_repeating_flags=(--version -h --help)
    local -a repeating_options=()
    local -a non_repeating_options=()
    __pellucid_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    batch|bench|compare|config|degrade|doctor|enqueue|evaluate|inspect|models|plan|queue|report|run|train|verify|watch|worker|help)
        # Offer subcommand argument completions
        "_pellucid_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'batch bench compare config degrade doctor enqueue evaluate inspect models plan queue report run train verify watch worker help' -- "${cur}"))
        ;;
    esac
}

_pellucid_batch() {
    repeating_flags=()
    non_repeating_flags=(--clamp --no-clamp --report --no-report --force --json --quiet -q --fail-fast --strict --version -h --help)
    repeating_options=()
    non_repeating_options=(--workflow --model --sampler --steps --seed --samples --noise --noise-field --plane --tile --slice-detail --slice-factor --noise-level --dtype --memory --retries --priority --shard --names-to -o --results --jobs --threads --workflows --stall-timeout --lease --retry-after --pause-file --offpeak --limit --max-jobs --max-runtime --log-format --progress --spool)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--workflow')
        return
        ;;
    '--model')
        return
        ;;
    '--sampler')
        return
        ;;
    '--steps')
        return
        ;;
    '--seed')
        return
        ;;
    '--samples')
        return
        ;;
    '--noise')
        return
        ;;
    '--noise-field')
        __pellucid_add_completions -W 'shared'$'\n''independent'$'\n''correlated'
        return
        ;;
    '--plane')
        __pellucid_add_completions -W 'auto'$'\n''stored'$'\n''axial'$'\n''coronal'$'\n''sagittal'$'\n''all'$'\n''all-if-cubic'
        return
        ;;
    '--tile')
        return
        ;;
    '--slice-detail')
        __pellucid_add_completions -W 'predicted'$'\n''matched'
        return
        ;;
    '--slice-factor')
        return
        ;;
    '--noise-level')
        return
        ;;
    '--dtype')
        __pellucid_add_completions -W 'input'$'\n''float32'$'\n''int16'
        return
        ;;
    '--memory')
        return
        ;;
    '--retries')
        return
        ;;
    '--priority')
        return
        ;;
    '--shard')
        return
        ;;
    '--names-to')
        return
        ;;
    '-o'|'--results')
        return
        ;;
    '--jobs')
        return
        ;;
    '--threads')
        return
        ;;
    '--workflows')
        return
        ;;
    '--stall-timeout')
        return
        ;;
    '--lease')
        return
        ;;
    '--retry-after')
        return
        ;;
    '--pause-file')
        return
        ;;
    '--offpeak')
        return
        ;;
    '--limit'|'--max-jobs')
        return
        ;;
    '--max-runtime')
        return
        ;;
    '--log-format')
        __pellucid_add_completions -W 'text'$'\n''json'
        return
        ;;
    '--progress')
        __pellucid_add_completions -W 'auto'$'\n''plain'$'\n''json'$'\n''none'
        return
        ;;
    '--spool')
        return
        ;;
    esac
}

_pellucid_bench() {
    repeating_flags=()
    non_repeating_flags=(--training --recompute --kernels --json --version -h --help)
    repeating_options=()
    non_repeating_options=(--model --size --batch --threads --repeats --save-output)
    __pellucid_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--model')
        return
        ;;
    '--size')
        return
        ;;
    '--batch')
        return
        ;;
    '--threads')
        return
        ;;
    '--repeats')
        return
        ;;
    '--save-output')
        return
        ;;
    esac
}

_pellucid_compare() {
    repeating_flags=()
    non_repeating_flags=(--ignore-geometry --json --version -h --help)
    repeating_options=()
    non_repeating_options=(--reference --window --picture --if-exists --picture-window)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--reference')
        return
        ;;
    '--window')
        return
        ;;
    '--picture')
        return
        ;;
    '--if-exists')
        __pellucid_add_completions -W 'fail'$'\n''replace'
        return
        ;;
    '--picture-window')
        return
        ;;
    esac
}

_pellucid_config() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __pellucid_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    show|check)
        # Offer subcommand argument completions
        "_pellucid_config_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'show check' -- "${cur}"))
        ;;
    esac
}

_pellucid_config_show() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=()
    __pellucid_offer_flags_options 0
}

_pellucid_config_check() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=()
    __pellucid_offer_flags_options -1
}

_pellucid_degrade() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=(-o --output --kind --model --level --dose --photons --views --electronic-noise --apodisation --sigma --factor --seed --threads --if-exists)
    __pellucid_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-o'|'--output')
        return
        ;;
    '--kind')
        return
        ;;
    '--model')
        return
        ;;
    '--level')
        return
        ;;
    '--dose')
        return
        ;;
    '--photons')
        return
        ;;
    '--views')
        return
        ;;
    '--electronic-noise')
        return
        ;;
    '--apodisation')
        return
        ;;
    '--sigma')
        return
        ;;
    '--factor')
        return
        ;;
    '--seed')
        return
        ;;
    '--threads')
        return
        ;;
    '--if-exists')
        __pellucid_add_completions -W 'fail'$'\n''replace'
        return
        ;;
    esac
}

_pellucid_doctor() {
    repeating_flags=()
    non_repeating_flags=(--self-test --no-self-test --json --version -h --help)
    repeating_options=()
    non_repeating_options=(--inbox --results --spool)
    __pellucid_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--inbox')
        return
        ;;
    '--results')
        return
        ;;
    '--spool')
        return
        ;;
    esac
}

_pellucid_enqueue() {
    repeating_flags=()
    non_repeating_flags=(--clamp --no-clamp --report --no-report --force --json --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--workflow --model --sampler --steps --seed --samples --noise --noise-field --plane --tile --slice-detail --slice-factor --noise-level --dtype --memory --retries --priority --shard --names-to -o --results --spool --jobs --threads --workflows --stall-timeout --lease --retry-after --pause-file --offpeak --limit --max-jobs --max-runtime --log-format --progress)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--workflow')
        return
        ;;
    '--model')
        return
        ;;
    '--sampler')
        return
        ;;
    '--steps')
        return
        ;;
    '--seed')
        return
        ;;
    '--samples')
        return
        ;;
    '--noise')
        return
        ;;
    '--noise-field')
        __pellucid_add_completions -W 'shared'$'\n''independent'$'\n''correlated'
        return
        ;;
    '--plane')
        __pellucid_add_completions -W 'auto'$'\n''stored'$'\n''axial'$'\n''coronal'$'\n''sagittal'$'\n''all'$'\n''all-if-cubic'
        return
        ;;
    '--tile')
        return
        ;;
    '--slice-detail')
        __pellucid_add_completions -W 'predicted'$'\n''matched'
        return
        ;;
    '--slice-factor')
        return
        ;;
    '--noise-level')
        return
        ;;
    '--dtype')
        __pellucid_add_completions -W 'input'$'\n''float32'$'\n''int16'
        return
        ;;
    '--memory')
        return
        ;;
    '--retries')
        return
        ;;
    '--priority')
        return
        ;;
    '--shard')
        return
        ;;
    '--names-to')
        return
        ;;
    '-o'|'--results')
        return
        ;;
    '--spool')
        return
        ;;
    '--jobs')
        return
        ;;
    '--threads')
        return
        ;;
    '--workflows')
        return
        ;;
    '--stall-timeout')
        return
        ;;
    '--lease')
        return
        ;;
    '--retry-after')
        return
        ;;
    '--pause-file')
        return
        ;;
    '--offpeak')
        return
        ;;
    '--limit'|'--max-jobs')
        return
        ;;
    '--max-runtime')
        return
        ;;
    '--log-format')
        __pellucid_add_completions -W 'text'$'\n''json'
        return
        ;;
    '--progress')
        __pellucid_add_completions -W 'auto'$'\n''plain'$'\n''json'$'\n''none'
        return
        ;;
    esac
}

_pellucid_evaluate() {
    repeating_flags=()
    non_repeating_flags=(--ignore-geometry --baselines --no-baselines --json --version -h --help)
    repeating_options=(--data --slices --input)
    non_repeating_options=(-m --model --limit --levels --degradation-seed --seeds --samplers --steps --threads)
    __pellucid_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-m'|'--model')
        return
        ;;
    '--data')
        return
        ;;
    '--slices')
        return
        ;;
    '--limit')
        return
        ;;
    '--input')
        return
        ;;
    '--levels')
        return
        ;;
    '--degradation-seed')
        return
        ;;
    '--seeds')
        return
        ;;
    '--samplers')
        return
        ;;
    '--steps')
        return
        ;;
    '--threads')
        return
        ;;
    esac
}

_pellucid_inspect() {
    repeating_flags=()
    non_repeating_flags=(--check --json --version -h --help)
    repeating_options=()
    non_repeating_options=(--workflows)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--workflows')
        return
        ;;
    esac
}

_pellucid_models() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __pellucid_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    ls|info|verify|import)
        # Offer subcommand argument completions
        "_pellucid_models_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'ls info verify import' -- "${cur}"))
        ;;
    esac
}

_pellucid_models_ls() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=()
    __pellucid_offer_flags_options 0
}

_pellucid_models_info() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=()
    __pellucid_offer_flags_options 1
}

_pellucid_models_verify() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=(--sha256)
    __pellucid_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--sha256')
        return
        ;;
    esac
}

_pellucid_models_import() {
    repeating_flags=()
    non_repeating_flags=(--full-range --half --json --version -h --help)
    repeating_options=(--citation)
    non_repeating_options=(-o --output --pairs --label-set --task --modality --window --percentiles --name --in-plane-spacing --slice-spacing --size --licence --if-exists)
    __pellucid_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-o'|'--output')
        return
        ;;
    '--pairs')
        return
        ;;
    '--label-set')
        return
        ;;
    '--task')
        return
        ;;
    '--modality')
        return
        ;;
    '--window')
        return
        ;;
    '--percentiles')
        return
        ;;
    '--name')
        return
        ;;
    '--in-plane-spacing')
        return
        ;;
    '--slice-spacing')
        return
        ;;
    '--size')
        return
        ;;
    '--licence')
        return
        ;;
    '--citation')
        return
        ;;
    '--if-exists')
        __pellucid_add_completions -W 'fail'$'\n''replace'
        return
        ;;
    esac
}

_pellucid_plan() {
    repeating_flags=()
    non_repeating_flags=(--clamp --no-clamp --report --no-report --force --fail-fast --strict --json --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--workflow --model --sampler --steps --seed --samples --noise --noise-field --plane --tile --slice-detail --slice-factor --noise-level --dtype --memory --retries --priority --shard --names-to -o --results --spool --jobs --threads --workflows --stall-timeout --lease --retry-after --pause-file --offpeak --limit --max-jobs --max-runtime --log-format --progress)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--workflow')
        return
        ;;
    '--model')
        return
        ;;
    '--sampler')
        return
        ;;
    '--steps')
        return
        ;;
    '--seed')
        return
        ;;
    '--samples')
        return
        ;;
    '--noise')
        return
        ;;
    '--noise-field')
        __pellucid_add_completions -W 'shared'$'\n''independent'$'\n''correlated'
        return
        ;;
    '--plane')
        __pellucid_add_completions -W 'auto'$'\n''stored'$'\n''axial'$'\n''coronal'$'\n''sagittal'$'\n''all'$'\n''all-if-cubic'
        return
        ;;
    '--tile')
        return
        ;;
    '--slice-detail')
        __pellucid_add_completions -W 'predicted'$'\n''matched'
        return
        ;;
    '--slice-factor')
        return
        ;;
    '--noise-level')
        return
        ;;
    '--dtype')
        __pellucid_add_completions -W 'input'$'\n''float32'$'\n''int16'
        return
        ;;
    '--memory')
        return
        ;;
    '--retries')
        return
        ;;
    '--priority')
        return
        ;;
    '--shard')
        return
        ;;
    '--names-to')
        return
        ;;
    '-o'|'--results')
        return
        ;;
    '--spool')
        return
        ;;
    '--jobs')
        return
        ;;
    '--threads')
        return
        ;;
    '--workflows')
        return
        ;;
    '--stall-timeout')
        return
        ;;
    '--lease')
        return
        ;;
    '--retry-after')
        return
        ;;
    '--pause-file')
        return
        ;;
    '--offpeak')
        return
        ;;
    '--limit'|'--max-jobs')
        return
        ;;
    '--max-runtime')
        return
        ;;
    '--log-format')
        __pellucid_add_completions -W 'text'$'\n''json'
        return
        ;;
    '--progress')
        __pellucid_add_completions -W 'auto'$'\n''plain'$'\n''json'$'\n''none'
        return
        ;;
    esac
}

_pellucid_queue() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __pellucid_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    ls|show|retry|hold|release|cancel|gc)
        # Offer subcommand argument completions
        "_pellucid_queue_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'ls show retry hold release cancel gc' -- "${cur}"))
        ;;
    esac
}

_pellucid_queue_ls() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=(--state)
    non_repeating_options=(--spool --results --older-than)
    __pellucid_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--results')
        return
        ;;
    '--state')
        __pellucid_add_completions -W 'ready'$'\n''claimed'$'\n''failed'$'\n''held'$'\n''done'$'\n''quarantine'
        return
        ;;
    '--older-than')
        return
        ;;
    esac
}

_pellucid_queue_show() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=(--spool --results)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--results')
        return
        ;;
    esac
}

_pellucid_queue_retry() {
    repeating_flags=()
    non_repeating_flags=(--json --all --version -h --help)
    repeating_options=()
    non_repeating_options=(--spool --results)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--results')
        return
        ;;
    esac
}

_pellucid_queue_hold() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=(--spool --results)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--results')
        return
        ;;
    esac
}

_pellucid_queue_release() {
    repeating_flags=()
    non_repeating_flags=(--json --force --version -h --help)
    repeating_options=()
    non_repeating_options=(--spool --results)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--results')
        return
        ;;
    esac
}

_pellucid_queue_cancel() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=()
    non_repeating_options=(--spool --results)
    __pellucid_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--results')
        return
        ;;
    esac
}

_pellucid_queue_gc() {
    repeating_flags=()
    non_repeating_flags=(--dry-run --json --version -h --help)
    repeating_options=()
    non_repeating_options=(--spool --results --older-than)
    __pellucid_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--results')
        return
        ;;
    '--older-than')
        return
        ;;
    esac
}

_pellucid_report() {
    repeating_flags=()
    non_repeating_flags=(--json --version -h --help)
    repeating_options=(--collect)
    non_repeating_options=(--spool)
    __pellucid_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--collect')
        return
        ;;
    esac
}

_pellucid_run() {
    repeating_flags=()
    non_repeating_flags=(--clamp --no-clamp --report --viewer --no-viewer --strict --force --record-names --dry-run --json --verbose -v --version -h --help)
    repeating_options=()
    non_repeating_options=(-o --output --model --sampler --steps --seed --samples --noise --noise-field --plane --tile --slice-detail --slice-factor --noise-level --dtype --if-exists --threads --memory --progress)
    __pellucid_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-o'|'--output')
        return
        ;;
    '--model')
        return
        ;;
    '--sampler')
        return
        ;;
    '--steps')
        return
        ;;
    '--seed')
        return
        ;;
    '--samples')
        return
        ;;
    '--noise')
        return
        ;;
    '--noise-field')
        __pellucid_add_completions -W 'shared'$'\n''independent'$'\n''correlated'
        return
        ;;
    '--plane')
        __pellucid_add_completions -W 'auto'$'\n''stored'$'\n''axial'$'\n''coronal'$'\n''sagittal'$'\n''all'$'\n''all-if-cubic'
        return
        ;;
    '--tile')
        return
        ;;
    '--slice-detail')
        __pellucid_add_completions -W 'predicted'$'\n''matched'
        return
        ;;
    '--slice-factor')
        return
        ;;
    '--noise-level')
        return
        ;;
    '--dtype')
        __pellucid_add_completions -W 'input'$'\n''float32'$'\n''int16'
        return
        ;;
    '--if-exists')
        __pellucid_add_completions -W 'fail'$'\n''skip'$'\n''replace'$'\n''version'
        return
        ;;
    '--threads')
        return
        ;;
    '--memory')
        return
        ;;
    '--progress')
        __pellucid_add_completions -W 'auto'$'\n''plain'$'\n''json'$'\n''none'
        return
        ;;
    esac
}

_pellucid_train() {
    repeating_flags=()
    non_repeating_flags=(--resume --recompute --half --pairs --version -h --help)
    repeating_options=()
    non_repeating_options=(-o --output --data-folder --cache --steps --threads --export --if-exists)
    __pellucid_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-o'|'--output')
        return
        ;;
    '--data-folder')
        return
        ;;
    '--cache')
        return
        ;;
    '--steps')
        return
        ;;
    '--threads')
        return
        ;;
    '--export')
        return
        ;;
    '--if-exists')
        __pellucid_add_completions -W 'fail'$'\n''replace'
        return
        ;;
    esac
}

_pellucid_verify() {
    repeating_flags=()
    non_repeating_flags=(--rerun --json --version -h --help)
    repeating_options=(--inputs)
    non_repeating_options=(--model --sample --spool --threads)
    __pellucid_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--inputs')
        return
        ;;
    '--model')
        return
        ;;
    '--sample')
        return
        ;;
    '--spool')
        return
        ;;
    '--threads')
        return
        ;;
    esac
}

_pellucid_watch() {
    repeating_flags=()
    non_repeating_flags=(--init --once --json --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--inbox --results --poll --settle --ready --on-done --spool --jobs --threads --workflows --stall-timeout --lease --retry-after --pause-file --offpeak --limit --max-jobs --max-runtime --log-format --progress)
    __pellucid_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--inbox')
        return
        ;;
    '--results')
        return
        ;;
    '--poll')
        return
        ;;
    '--settle')
        return
        ;;
    '--ready')
        __pellucid_add_completions -W 'sentinel'$'\n''rename'$'\n''stable'$'\n''auto'
        return
        ;;
    '--on-done')
        __pellucid_add_completions -W 'keep'$'\n''move'$'\n''delete'
        return
        ;;
    '--spool')
        return
        ;;
    '--jobs')
        return
        ;;
    '--threads')
        return
        ;;
    '--workflows')
        return
        ;;
    '--stall-timeout')
        return
        ;;
    '--lease')
        return
        ;;
    '--retry-after')
        return
        ;;
    '--pause-file')
        return
        ;;
    '--offpeak')
        return
        ;;
    '--limit'|'--max-jobs')
        return
        ;;
    '--max-runtime')
        return
        ;;
    '--log-format')
        __pellucid_add_completions -W 'text'$'\n''json'
        return
        ;;
    '--progress')
        __pellucid_add_completions -W 'auto'$'\n''plain'$'\n''json'$'\n''none'
        return
        ;;
    esac
}

_pellucid_worker() {
    repeating_flags=()
    non_repeating_flags=(--drain --json --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--spool --id --index --of --jobs --threads --workflows --stall-timeout --lease --retry-after --pause-file --offpeak --limit --max-jobs --max-runtime --log-format --progress)
    __pellucid_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--spool')
        return
        ;;
    '--id')
        return
        ;;
    '--index')
        return
        ;;
    '--of')
        return
        ;;
    '--jobs')
        return
        ;;
    '--threads')
        return
        ;;
    '--workflows')
        return
        ;;
    '--stall-timeout')
        return
        ;;
    '--lease')
        return
        ;;
    '--retry-after')
        return
        ;;
    '--pause-file')
        return
        ;;
    '--offpeak')
        return
        ;;
    '--limit'|'--max-jobs')
        return
        ;;
    '--max-runtime')
        return
        ;;
    '--log-format')
        __pellucid_add_completions -W 'text'$'\n''json'
        return
        ;;
    '--progress')
        __pellucid_add_completions -W 'auto'$'\n''plain'$'\n''json'$'\n''none'
        return
        ;;
    esac
}

_pellucid_help() {
    repeating_flags=()
    non_repeating_flags=(--version)
    repeating_options=()
    non_repeating_options=()
    __pellucid_offer_flags_options -1
}

complete -o filenames -F _pellucid pellucid
