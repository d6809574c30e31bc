use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use super::Cli;

#[test]
fn every_command_parses_with_its_flags() {
    Cli::command().debug_assert();
    for line in [
        "run --quiet --set server.listen=127.0.0.1:0 --set store.engine=embedded",
        "publish a.csv b.jsonl --to kafka --rate 1000 --map symbol=pair --map strategy==mine --format csv",
        "rehearse a.csv --data ./rehearsed --force",
        "rehearse a.csv --values side=1:long,-1:short --time-format %d.%m.%Y --time-zone UTC --decimal-comma",
        "decisions --since -5d --until yesterday --limit 7",
        "decisions --follow --type StrategyDisabled --type AlertRaised --strategy rsi --since 7d --from 12 --json",
        "events list --type TradeClosed --stream s --since 2025-01-01 --limit 5",
        "events show 12",
        "events tail -n 3 --follow",
        "why 9fbc9c6c-ea43-8e08-a600-18eb5458469c",
        "strategies",
        "strategies --json",
        "strategies list --data d",
        "strategies show rsi",
        "strategies disable rsi --reason why",
        "strategies enable rsi --reason why --json",
        "performance --by strategy --since 7d --until 2025-01-01T00:00:00Z",
        "audit performance_metrics --since 7d --where trigger_ai_analysis=true --limit 3",
        "projections list",
        "projections rebuild strategies decisions",
        "projections rebuild --all",
        "projections verify",
        "verify --json",
        "dead-letters list --reason malformed",
        "dead-letters show 7",
        "config check --config x.toml",
        "config default",
    ] {
        let arguments = std::iter::once("tradewarden").chain(line.split(' '));
        if let Err(error) = Cli::try_parse_from(arguments) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn wrong_use_is_told_with_exit_code_2() {
    for (line, kind) in [
        ("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("demo", ErrorKind::InvalidSubcommand),
        ("strategies disable rsi", ErrorKind::MissingRequiredArgument),
        ("projections rebuild", ErrorKind::MissingRequiredArgument),
        ("projections rebuild --all decisions", ErrorKind::ArgumentConflict),
        ("performance --by moon", ErrorKind::InvalidValue),
        ("decisions --since lately", ErrorKind::ValueValidation),
        ("decisions --limit 99999999999", ErrorKind::ValueValidation),
        ("events tail -n 0", ErrorKind::ValueValidation),
        ("dead-letters list --reason typo", ErrorKind::ValueValidation),
        ("rehearse", ErrorKind::MissingRequiredArgument),
    ] {
        let arguments = std::iter::once("tradewarden").chain(line.split(' ').filter(|word| !word.is_empty()));
        let error = Cli::try_parse_from(arguments).unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{line}");
    }
}

#[test]
fn every_command_has_examples_and_each_of_them_is_understood() {
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = help.lines().filter_map(|line| Some(line.split_once("tradewarden ")?.1));
        let examples: Vec<_> = examples.collect();
        assert!(!examples.is_empty(), "{} has no example", command.get_name());
        for line in examples {
            assert!(line.starts_with(command.get_name()), "{line}");
            let arguments = std::iter::once("tradewarden").chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(arguments) {
                panic!("{line}: {error}");
            }
        }
    }
}
