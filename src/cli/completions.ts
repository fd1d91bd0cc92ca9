/** `completions`: what a shell needs to complete our commands, written from the commands themselves. */
import type { Command } from "commander";

/** Shells we write for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** The script for one shell: put it where the shell looks for completions. */
export function completionsOf(root: Command, shell: (typeof SHELLS)[number]): string {
  if (shell === "fish") return fishOf(root).join("\n");
  const zsh = ["autoload -U +X bashcompinit && bashcompinit"];
  return [...(shell === "zsh" ? zsh : []), ...bashOf(root)].join("\n");
}

/** What may follow a command: names of commands below it, its flags, values of its arguments. */
function wordsAfter(command: Command): string[] {
  const values = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const flags = command.options.map(({ long, flags }) => long ?? flags);
  return [...command.commands.map((under) => under.name()), ...values, ...flags];
}

/** A case for each command, by the words that name it. */
function bashOf(root: Command): string[] {
  const caseOf = (command: Command, pattern: string) =>
    `    ${pattern}) words="${wordsAfter(command).join(" ")}" ;;`;
  const cases = root.commands.flatMap((command) => [
    ...command.commands.map((under) => caseOf(under, `"${command.name()} ${under.name()}"`)),
    // Of a command by itself, what has been typed since does not matter.
    caseOf(command, `"${command.name()} "${command.commands.length === 0 ? "*" : ""}`),
  ]);
  return [
    "_perdura() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}" words=""',
    // The words before the one that is being typed: two at most name a command.
    '  local first="${COMP_WORDS[1]}" second=""',
    '  if [ "$COMP_CWORD" -gt 2 ]; then second="${COMP_WORDS[2]}"; fi',
    '  if [ "$COMP_CWORD" -eq 1 ]; then first=""; fi',
    '  case "$first $second" in',
    `    " ") words="${wordsAfter(root).join(" ")}" ;;`,
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "}",
    "complete -F _perdura perdura",
  ];
}

function fishOf(root: Command): string[] {
  const line = (condition: string, rest: string) =>
    `complete -c perdura -f -n '${condition}' ${rest}`;
  const seen = (command: Command) => `__fish_seen_subcommand_from ${command.name()}`;
  const after = (condition: string, command: Command) =>
    wordsAfter(command).map((word) =>
      line(condition, word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`)
    );
  return root.commands.flatMap((command) => [
    line(
      "__fish_use_subcommand",
      `-a ${command.name()} -d '${command.description().replaceAll("'", "")}'`,
    ),
    ...after(seen(command), command),
    ...command.commands.flatMap((under) => after(`${seen(command)}; and ${seen(under)}`, under)),
  ]);
}
