# Completions of NAME for fish. The program itself finds them; fish completes files and folders.
function __complete_NAME
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    set -l answers (NAME completions fish -- $words (string unescape -- "$word") 2>/dev/null)
    set -l option (string match --regex -- '^--[^=]*=' "$word")
    set -l path (string replace --regex -- '^--[^=]*=' '' "$word")
    switch "$answers[1]"
        case files
            printf "$option%s\n" (__fish_complete_path "$path")
        case folders
            printf "$option%s\n" (__fish_complete_directories "$path")
        case values
            printf '%s\n' $answers[2..]
    end
end

complete --command NAME --no-files --keep-order --arguments '(__complete_NAME)'
