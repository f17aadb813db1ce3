#compdef NAME
# Completions of NAME for zsh. The program itself finds them; zsh completes files and folders.
_NAME() {
    local -a answers
    answers=("${(@f)$(NAME completions zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    case $answers[1] in
        (files) compset -P '--*='; _files ;;
        (folders) compset -P '--*='; _files -/ ;;
        (values)
            shift answers
            # zsh would quote the ~ of a home folder.
            compset -P '\~/' && answers=("${(@)answers#\~/}")
            _describe -V NAME answers
            ;;
    esac
}

# This file is either a function of fpath, which zsh is calling now, or it was sourced.
if [[ ${funcstack[1]-} == _NAME ]]; then
    _NAME "$@"
else
    compdef _NAME NAME
fi
