# Completions of NAME for bash. The program itself finds them; bash completes files and folders.
_NAME() {
    local answers
    mapfile -t answers < <(NAME completions bash -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    COMPREPLY=()
    case ${answers[0]-} in
        files) compopt -o default ;;
        folders) compopt -o dirnames ;;
        values) COMPREPLY=("${answers[@]:1}") ;;
    esac
}

complete -o nosort -F _NAME NAME
