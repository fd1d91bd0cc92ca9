/** `completions`: what a shell needs to complete our commands, written from the commands themselves. */
import type { Command } from "commander";

/** Shells we write for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** The script for one shell: put it where the shell looks for completions. */
export function completionsOf(root: Command, shell: (typeof SHELLS)[number]): string {
  const commands = root.commands.map((command) => ({
    name: command.name(),
    about: command.description(),
    flags: command.options.map((option) => option.long ?? option.flags),
    under: command.commands.map((sub) => sub.name()),
  }));
  const words = (names: readonly string[]) => names.join(" ");
  const names = words(commands.map(({ name }) => name));
  if (shell === "fish") {
    return commands.flatMap(({ name, about, flags, under }) => [
      `complete -c perdura -f -n __fish_use_subcommand -a ${name} -d '${
        about.replaceAll("'", "")
      }'`,
      ...under.map((sub) =>
        `complete -c perdura -f -n '__fish_seen_subcommand_from ${name}' -a ${sub}`
      ),
      ...flags.map((flag) =>
        `complete -c perdura -f -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`
      ),
    ]).join("\n");
  }
  const cases = commands.map(({ name, flags, under }) =>
    `    ${name}) COMPREPLY=($(compgen -W "${words([...under, ...flags])}" -- "$word")) ;;`
  );
  const script = [
    "_perdura() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}"',
    `  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${names}" -- "$word")); return; fi`,
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    "  esac",
    "}",
    "complete -F _perdura perdura",
  ];
  const zsh = ["autoload -U +X bashcompinit && bashcompinit"];
  return [...(shell === "zsh" ? zsh : []), ...script].join("\n");
}
