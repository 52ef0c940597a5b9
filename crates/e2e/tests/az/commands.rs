//! `docs/azure-cli.md` against the installed `az`: its table has every `az acr` command, each once, and what it claims to
//! work is asked for by a test of this binary.

use std::collections::BTreeSet;
use std::fs;

use holdfast_e2e::{Sandbox, project};

/// Asks the CLI's own loader, which is where `az acr --help` has its commands from.
const LIST: &str = "\
from azure.cli.core import get_default_cli
cli = get_default_cli()
cli.invocation = cli.invocation_cls(
    cli_ctx=cli, parser_cls=cli.parser_cls, commands_loader_cls=cli.commands_loader_cls, help_cls=cli.help_cls)
for name in cli.invocation.commands_loader.load_command_table(['acr']):
    if name.startswith('acr '):
        print('az ' + name)
";
/// What the table of all commands stands under.
const HEADING: &str = "\n## Every `az acr` command\n";
/// What the second column may say.
const VERDICTS: [&str; 3] = ["works", "differs", "not served"];

/// A row of the table.
struct Row {
    command: String,
    verdict: String,
    how: String,
}

#[test]
fn the_documentation_has_every_command_of_az_acr() {
    let python = project::root().join(".tools/az/bin/python");
    let sandbox = Sandbox::new();
    let python = sandbox.tool(python.to_str().expect("the project's path is text"));
    let listed = python
        .args(["-c", LIST])
        .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
        .run();
    let known: BTreeSet<String> = listed.lines().into_iter().collect();
    let mut described = BTreeSet::new();
    for Row { command, .. } in rows() {
        assert!(described.insert(command.clone()), "{command} has two rows");
    }
    let missing: Vec<_> = known.difference(&described).collect();
    let invented: Vec<_> = described.difference(&known).collect();
    assert!(missing.is_empty() && invented.is_empty(), "{missing:?} {invented:?}");
}

#[test]
fn what_the_documentation_says_to_work_stands_in_a_test() {
    let tests = statements();
    for Row { command, verdict, how } in rows() {
        assert!(VERDICTS.contains(&verdict.as_str()), "{command}: {verdict}");
        assert!(
            is_tried(&tests, &command) || verdict == "not served",
            "{command} is said to work, and no test has it succeed"
        );
        assert!(verdict != "differs" || !how.is_empty(), "{command} differs, but how?");
    }
}

#[test]
fn a_comment_and_a_refusal_are_no_try() {
    let command = "az acr show";
    let is_tried = |source: &str| is_tried(&split(source), command);
    assert!(is_tried("shell.run(\"az acr show -n one\");\n"));
    assert!(is_tried("shell.run(\n    \"az acr show\"\n);\n"));
    assert!(!is_tried("shell.run(\"az acr show-usage -n one\");\n"));
    assert!(!is_tried("    // shell.run(\"az acr show -n one\");\n"));
    let refused = "shell\n    .command(\"az acr show -n one\")\n    .fail();\n";
    assert!(!is_tried(refused));
    assert!(is_tried(&format!("{refused}shell.run(\"az acr show -n one\");\n")));
}

/// Whether a statement that expects no failure has the command.
fn is_tried(statements: &[String], command: &str) -> bool {
    let is_use = |text: &&String| text.contains(&format!("{command} ")) || text.contains(&format!("{command}\""));
    statements
        .iter()
        .filter(is_use)
        .any(|statement| !statement.contains(".fail()"))
}

/// The statements of the tests in this folder, but for those of this file.
fn statements() -> Vec<String> {
    let folder = fs::read_dir(project::root().join("crates/e2e/tests/az")).expect("this folder is there");
    let files = folder.map(|entry| entry.expect("it is read").path());
    files
        .filter(|file| !file.ends_with("commands.rs"))
        .flat_map(|file| split(&fs::read_to_string(file).expect("it is text")))
        .collect()
}

/// The statements of a source without the lines that are comments: what ends a line with a semicolon ends one.
fn split(source: &str) -> Vec<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: Vec<_> = code.collect();
    code.join("\n").split(";\n").map(str::to_owned).collect()
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(project::root().join("docs/azure-cli.md")).expect("the page is there");
    let cells = |line: &str| -> Option<Row> {
        let mut cells = line.strip_prefix("| `az acr ")?.splitn(4, '|').map(str::trim);
        let command = format!("az acr {}", cells.next()?.trim_end_matches('`'));
        let [verdict, how] = [cells.next()?, cells.next()?].map(str::to_owned);
        Some(Row { command, verdict, how })
    };
    // The tables before it are about commands with some of their flags.
    let (_, table) = page.split_once(HEADING).expect("the page has the table");
    table.lines().filter_map(cells).collect()
}
