use std::{collections::BTreeMap, fs, time::Duration};

use events::{Decimal, Event, MissedRuns, Overlap, Schedule, StrategyGuardConfigured};

use super::{Config, DEFAULT_FILE, Fault, Layers, explain, fault::is_secret, keys, not_default};

fn from_file(text: &str) -> Result<Config, Vec<Fault>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tradewarden.toml");
    fs::write(&path, text).unwrap();
    Config::load(&Layers { file: Some(&path), ..Layers::default() })
}

fn guard(config: &Config) -> &StrategyGuardConfigured {
    let mut events = config.of_actors.iter();
    events
        .find_map(|event| if let Event::StrategyGuardConfigured(e) = event { Some(e) } else { None })
        .unwrap()
}

fn schedules(config: &Config) -> &BTreeMap<String, Schedule> {
    let mut events = config.of_actors.iter();
    let found =
        events.find_map(|event| if let Event::SchedulerConfigured(e) = event { Some(e) } else { None });
    &found.unwrap().schedules
}

fn faults(text: &str) -> Vec<String> {
    from_file(text).unwrap_err().iter().map(ToString::to_string).collect()
}

fn from_flags(flags: &[&str]) -> Result<Config, Vec<Fault>> {
    let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
    Config::load(&Layers { flags: &flags, ..Layers::default() })
}

fn from_variables(variables: &[(&str, &str)]) -> Result<Config, Vec<Fault>> {
    let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Config::load(&Layers { variables, ..Layers::default() })
}

#[test]
fn the_default_file_holds_the_defaults() {
    let defaults = Config::load(&Layers::default()).unwrap();
    let shown = from_file(DEFAULT_FILE).unwrap();
    let bare = |config| Config { digest: String::new(), given: Vec::new(), ..config };
    assert_eq!(bare(shown), bare(defaults));
}

#[test]
fn the_default_file_names_every_key_and_its_commented_lines_are_good_too() {
    for key in keys::all() {
        let last = key.rsplit('.').next().unwrap();
        assert!(
            last == "*" || DEFAULT_FILE.contains(&format!("{last} =")),
            "{key} is not in the default file"
        );
    }
    let uncommented: String = DEFAULT_FILE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = from_file(&uncommented).unwrap();
    let single = guard(&config).of("my_strategy");
    assert_eq!((single.capital, single.capital_currency.as_deref()), (Some(10_000.into()), Some("USDT")));
}

#[test]
fn all_faults_are_told_at_once_each_with_file_key_value_and_remedy() {
    let told = faults(
        "[server]\nlisten = \"0.0.0.0:80\"\n[strategy_guard]\nmax_daily_los_pct = 5\nmin_win_rate_pct = 130\n\
         stale_after = 60\nwin_rate_window = \"20\"\n[store]\nengine = \"sqlite\"\narchive_folder = \"old\"\n",
    );
    assert_eq!(told.len(), 7, "{told:#?}");
    assert!(told.iter().all(|fault| fault.contains("tradewarden.toml: ")), "{told:#?}");
    let has = |parts: &[&str]| told.iter().any(|fault| parts.iter().all(|part| fault.contains(part)));
    assert!(has(&["server.listen = \"0.0.0.0:80\"", "only addresses of this machine"]), "{told:#?}");
    assert!(has(&["strategy_guard.max_daily_los_pct", "nearest one is strategy_guard.max_daily_loss_pct"]));
    assert!(has(&["strategy_guard.min_win_rate_pct = 130", "from 0 to 100"]));
    assert!(has(&["strategy_guard.stale_after = 60", "with its unit"]));
    assert!(has(&["strategy_guard.win_rate_window = \"20\"", "whole number of trades"]));
    assert!(has(&["store.engine = \"sqlite\"", "\"embedded\""]));
    assert!(has(&["store.archive_folder = \"old\"", "a path from the root"]));
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_told_without_its_lines() {
    let missing = std::path::Path::new("/nonexistent/tradewarden.toml");
    let told = Config::load(&Layers { file: Some(missing), ..Layers::default() }).unwrap_err();
    assert!(told[0].to_string().starts_with("/nonexistent/tradewarden.toml: cannot be read"), "{}", told[0]);
    let told = faults("[kafka]\n[kafka.properties]\nsasl.password = hunter2\n");
    assert!(told[0].contains("line 3 is not TOML"), "{told:?}");
    assert!(!told[0].contains("hunter2"));
}

#[test]
fn thresholds_of_one_strategy_stand_on_those_of_all() {
    let config = from_file(
        "[strategy_guard]\nmax_consecutive_losses = 7\n[strategy_guard.strategies.\"a.b\"]\nmin_win_rate_pct = 40.5\n\
         capital = 5000\nmax_silence = \"2h\"\n",
    )
    .unwrap();
    let single = guard(&config).of("a.b");
    assert_eq!(single.max_consecutive_losses, 7);
    assert_eq!(single.min_win_rate_pct.to_string(), "40.5");
    assert_eq!((single.capital, single.max_silence_s), (Some(Decimal::from(5000)), Some(7200)));
    assert_eq!(guard(&config).of("other").min_win_rate_pct, Decimal::from(30));
}

#[test]
fn a_percent_that_is_no_number_is_told_once() {
    let told = faults(
        "[strategy_guard]\nmin_win_rate_pct = \"much\"\n[performance_analyst]\nwin_rate_warning = true\n",
    );
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[test]
fn a_fault_of_all_strategies_is_not_told_again_for_each() {
    let told =
        faults("[strategy_guard]\nmin_win_rate_pct = 101\n[strategy_guard.strategies.a]\ncapital = 1\n");
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.toml");
    fs::write(&path, "[strategy_guard]\nstale_after = \"1m\"\nwin_rate_window = 30\n").unwrap();
    let variables = vec![
        ("TRADEWARDEN_STRATEGY_GUARD__STALE_AFTER".to_owned(), "2m".to_owned()),
        ("TRADEWARDEN_STRATEGY_GUARD__WIN_RATE_WINDOW".to_owned(), "40".to_owned()),
        // Of the scripts and tests, not of the configuration.
        ("TRADEWARDEN_TEST_SERVICES".to_owned(), "required".to_owned()),
        ("TRADEWARDEN_CACHE".to_owned(), "/somewhere".to_owned()),
    ];
    let flags = ["strategy_guard.stale_after=3m".to_owned()];
    let config = Config::load(&Layers { file: Some(&path), variables, flags: &flags }).unwrap();
    assert_eq!(config.stale_after, Duration::from_secs(180));
    assert_eq!(guard(&config).default.win_rate_window, 40);
}

#[test]
fn the_cluster_is_found_by_the_name_that_other_tools_use_but_our_own_wins() {
    let other = ("KAFKA_BOOTSTRAP_SERVERS", "a:1");
    let own = ("TRADEWARDEN_KAFKA__BOOTSTRAP_SERVERS", "b:2");
    for (variables, servers) in [(vec![other], "a:1"), (vec![other, own], "b:2"), (vec![own, other], "b:2")] {
        let config = from_variables(&variables).unwrap();
        assert_eq!(config.kafka.bootstrap_servers.as_deref(), Some(servers));
    }
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "hunter2\n").unwrap();
    let path = path.to_str().unwrap();
    let config = from_variables(&[("TRADEWARDEN_KAFKA__PROPERTIES__SASL_PASSWORD_FILE", path)]).unwrap();
    assert_eq!(config.kafka.properties["sasl.password"], "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    let told = from_variables(&[
        ("TRADEWARDEN_KAFKA__PROPERTIES__SASL_PASSWORDS_FILE", path),
        ("TRADEWARDEN_KAFKA__PROPERTIES__SASL_TOKEN_FILE", "/nonexistent/secret"),
    ])
    .unwrap_err();
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|fault| !fault.contains("hunter2")), "{told:#?}");
    assert!(told[0].contains("/nonexistent/secret cannot be read"), "{told:#?}");
    assert!(is_secret("kafka.properties.ssl.key.pem") && !is_secret("kafka.properties.sasl.mechanism"));
}

#[test]
fn secrets_do_not_change_the_digest_and_other_values_do() {
    let digest = |flags: &[&str]| from_flags(flags).unwrap().digest;
    let plain = digest(&["kafka.properties.sasl.password=a"]);
    assert_eq!(plain, digest(&["kafka.properties.sasl.password=b"]));
    assert_ne!(plain, digest(&["strategy_guard.win_rate_window=30"]));
}

#[test]
fn properties_topics_and_fields_are_checked_by_those_who_use_them() {
    let told = from_flags(&[
        "kafka.properties.no.such.thing=1",
        "kafka.topics.decisions=spaces are wrong",
        "intake.fields.stratgy=name",
        "nonsense",
    ])
    .unwrap_err();
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    let has = |part: &str| told.iter().any(|fault| fault.starts_with("--set: ") && fault.contains(part));
    assert!(has("no.such.thing") && has("a topic's name") && has("did you mean strategy?"), "{told:#?}");
    assert!(has("nonsense: not of the form section.key=value"), "{told:#?}");
}

#[test]
fn schedules_are_added_changed_and_switched_off() {
    let config = from_file("[schedules.weekly]\ncron = \"0 8 * * 1\"\nmissed = \"skip\"\n").unwrap();
    assert_eq!(schedules(&config).keys().collect::<Vec<_>>(), ["performance_analysis", "weekly"]);
    let config = from_flags(&["schedules.performance_analysis.enabled=false"]).unwrap();
    assert!(!schedules(&config)["performance_analysis"].enabled);
    let config = from_file(
        "[schedules.nightly]\nevery = \"1h30m\"\nzone = \"Europe/Berlin\"\njob = \"performance_analysis\"\n\
         missed = \"run_all\"\nlimit = 3\noverlap = \"queue_one\"\njitter = \"20s\"\nprotected = true\n",
    );
    let nightly = Schedule {
        zone: "Europe/Berlin".into(),
        job: Some("performance_analysis".into()),
        missed: MissedRuns::RunAll,
        limit: 3,
        overlap: Overlap::QueueOne,
        jitter_s: 20,
        protected: true,
        ..Schedule::every(5400)
    };
    assert_eq!(schedules(&config.unwrap())["nightly"], nightly);
    let told = faults("[schedules.a]\ncron = \"61 * * * *\"\n[schedules.b]\nmissed = \"maybe\"\n");
    assert_eq!(told.len(), 3, "{told:#?}");
    let told = faults(
        "[schedules.both]\ncron = \"0 1 * * *\"\nevery = \"5m\"\n[schedules.part]\nevery = \"1500ms\"\n\
         [schedules.where]\ncron = \"0 1 * * *\"\nzone = \"Mars\"\njitter = \"2h\"\n",
    );
    for part in ["both.every", "part.every", "where.zone", "where.jitter"] {
        assert!(told.iter().any(|fault| fault.contains(&format!("schedules.{part}"))), "{part}: {told:#?}");
    }
    assert_eq!(told.len(), 4, "{told:#?}");
}

fn told(loaded: Result<Config, Vec<Fault>>) -> Vec<String> {
    loaded.unwrap_err().iter().map(ToString::to_string).collect()
}

fn warned(loaded: Result<Config, Vec<Fault>>) -> Vec<String> {
    loaded.unwrap().warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_variable_that_sets_nothing_is_a_fault_with_the_nearest_name() {
    let told = told(from_variables(&[
        ("TRADEWARDEN_STRATEGY_GUARD_MAX_DAILY_LOSS_PCT", "5"),
        ("TRADEWARDEN_STRATEGY_GUARD__MAX_DAILY_LOS_PCT", "5"),
        ("TRADEWARDEN_SOMETHING", "5"),
        ("TRADEWARDEN_STRATEGY_GUARD__STALE_AFTER", "\u{fffd}"),
    ]));
    let has = |parts: &[&str]| told.iter().any(|fault| parts.iter().all(|part| fault.contains(part)));
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(
        has(&["_GUARD_MAX_DAILY_LOSS_PCT: ", "is TRADEWARDEN_STRATEGY_GUARD__MAX_DAILY_LOSS_PCT"]),
        "{told:#?}"
    );
    assert!(
        has(&["MAX_DAILY_LOS_PCT", "variable TRADEWARDEN_STRATEGY_GUARD__MAX_DAILY_LOSS_PCT"]),
        "{told:#?}"
    );
    assert!(has(&["TRADEWARDEN_SOMETHING", "two underscores"]) && has(&["not UTF-8"]), "{told:#?}");
}

#[test]
fn how_facts_are_read_is_configured_for_records_and_rows_alike() {
    let config = from_file(
        "[intake]\nearliest = 2015-06-01\ntrade_types = [\"a.closed\", \"b.closed\"]\ntime_zone = \"Europe/Berlin\"\n\
         time_format = \"%d.%m.%Y %H:%M\"\ndecimal_comma = true\n[kafka.topics]\ntrade_closed = \"mine\"\n\
         [intake.values.side]\nBuy = \"long\"\n\"-1\" = \"short\"\n[intake.fields]\ntrade_id = \"account+id\"\n",
    )
    .unwrap();
    let mut notation = intake::Notation::default();
    notation.add_values("side=-1:short,Buy:long").unwrap();
    notation.set_time_format("%d.%m.%Y %H:%M").unwrap();
    notation.set_time_zone("Europe/Berlin").unwrap();
    notation.set_decimal_comma(true);
    assert_eq!(config.trades.notation, notation);
    assert_eq!(config.trades.earliest.to_string(), "2015-06-01T00:00:00Z");
    assert_eq!(config.trades.trade_types, ["a.closed", "b.closed", "mine"]);
    assert_eq!(from_file("").unwrap().trades, intake::TradeFormat::default());
}

#[test]
fn what_facts_cannot_be_read_by_is_a_fault() {
    for (setting, told) in [
        ("intake.earliest = \"yesterday\"", "a day such as"),
        ("intake.time_zone = \"Europe/Berlim\"", "did you mean Europe/Berlin?"),
        ("intake.time_format = \"%d.%m.%Y\"", "it has to hold date, hour and minute"),
        ("intake.values.side = \"Buy:up\"", "neither long nor short"),
        ("intake.values.sied.Buy = \"long\"", "did you mean side?"),
        ("intake.fields.profit_pct = \"profit_ratio\"", "profit_ratio=profit_ratio instead"),
    ] {
        let faults = from_file(setting).unwrap_err();
        assert!(faults.iter().any(|fault| fault.to_string().contains(told)), "{setting}: {faults:?}");
    }
}

#[test]
fn names_of_strategies_keep_their_case_and_may_be_quoted() {
    let variable = |name: &str| format!("TRADEWARDEN_STRATEGY_GUARD__STRATEGIES__{name}__MAX_DAILY_LOSS_PCT");
    for (written, name) in [("My_Strat", "My_Strat"), ("a__b", "a__b"), ("\"a.b c\"", "a.b c"), ("x_", "x_")]
    {
        let config = from_variables(&[(&variable(written), "5")]).unwrap();
        assert_eq!(guard(&config).strategies.keys().collect::<Vec<_>>(), [name], "{written}");
        assert_eq!(guard(&config).of(name).max_daily_loss_pct, Decimal::from(5));
    }
    for (written, name) in
        [("\"a.b\"", "a.b"), ("'a=b'", "a=b"), ("My_Strat", "My_Strat"), ("\"q\\\"\"", "q\"")]
    {
        let config =
            from_flags(&[&format!("strategy_guard.strategies.{written}.max_daily_loss_pct=5")]).unwrap();
        assert_eq!(guard(&config).strategies.keys().collect::<Vec<_>>(), [name], "{written}");
    }
    let told = told(from_flags(&["strategy_guard.strategies.\"a.capital=5"]));
    assert!(told[0].contains("stands in quotes"), "{told:?}");
}

#[test]
fn an_empty_value_is_a_fault_unless_another_one_wins() {
    let told = told(from_variables(&[("KAFKA_BOOTSTRAP_SERVERS", "")]));
    assert!(
        told[0].contains("variable KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap_servers")
            && told[0].contains("empty")
    );
    let own = ("TRADEWARDEN_KAFKA__BOOTSTRAP_SERVERS", "b:2");
    for variables in [[("KAFKA_BOOTSTRAP_SERVERS", ""), own], [own, ("KAFKA_BOOTSTRAP_SERVERS", "")]] {
        assert_eq!(from_variables(&variables).unwrap().kafka.bootstrap_servers.as_deref(), Some("b:2"));
    }
    assert!(from_flags(&["store.archive_folder="]).is_err());
}

#[test]
fn addresses_of_brokers_are_checked() {
    for good in ["localhost:9092", "a, b:1,c.d:65535", "SASL_SSL://a:1", "[::1]:9092", "my_broker-1"] {
        assert!(from_flags(&[&format!("kafka.bootstrap_servers={good}")]).is_ok(), "{good}");
    }
    for wrong in ["http://x", "a:0", "a:70000", ":9092", "a,,b", "a b:1", "a:1/path"] {
        let told = told(from_flags(&[&format!("kafka.bootstrap_servers={wrong}")]));
        assert!(told[0].contains("wanted is host:port"), "{wrong}: {told:?}");
    }
}

#[test]
fn values_that_cannot_be_meant_are_faults_with_their_true_bounds() {
    let told = told(from_flags(&[
        "strategy_guard.max_daily_loss_pct=1000000000000",
        "strategy_guard.max_consecutive_losses=-3",
        "strategy_guard.win_rate_window=1001",
        "strategy_guard.strategies.a.capital=1000",
        "strategy_guard.strategies.a.max_daily_loss_pct=101",
        "schedules.never.cron=0 0 30 2 *",
        "schedules.wrong.cron=61 * * * *",
    ]));
    let has = |parts: &[&str]| told.iter().any(|fault| parts.iter().all(|part| fault.contains(part)));
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(has(&["strategy_guard.max_daily_loss_pct = ", "at most 10000"]), "{told:#?}");
    assert!(has(&["max_consecutive_losses = ", "from 1 to 100000"]), "{told:#?}");
    assert!(has(&["win_rate_window = ", "from 1 to 1000"]), "{told:#?}");
    assert!(
        has(&["a.max_daily_loss_pct = \"101\": wanted is a percent of the capital, at most 100"]),
        "{told:#?}"
    );
    assert!(has(&["never.cron = \"0 0 30 2 *\": no such moment ever comes"]), "{told:#?}");
    assert!(
        has(&["wrong.cron", "; wanted are five fields"]) && !has(&["Component"]) && !has(&[".;"]),
        "{told:#?}"
    );
}

#[test]
fn what_is_hardly_meant_is_a_warning() {
    let warned = warned(from_flags(&[
        "strategy_guard.min_win_rate_pct=0.3",
        "strategy_guard.strategies.a.max_daily_loss_pct=0.05",
        "strategy_guard.max_daily_loss_pct=500",
        "schedules.performance_anlysis.cron=0 1 * * *",
    ]));
    let has = |parts: &[&str]| warned.iter().any(|fault| parts.iter().all(|part| fault.contains(part)));
    assert_eq!(warned.len(), 4, "{warned:#?}");
    assert!(has(&["min_win_rate_pct", "0.3 is 0.3 %; did you mean 30?"]), "{warned:#?}");
    assert!(has(&["strategies.a.max_daily_loss_pct", "did you mean 5?"]), "{warned:#?}");
    assert!(has(&["above 100 %"]), "{warned:#?}");
    assert!(
        has(&["--set: schedules.performance_anlysis: nobody does", "performance_analysis"]),
        "{warned:#?}"
    );
    assert!(Config::load(&Layers::default()).unwrap().warnings.is_empty());
}

#[test]
fn a_section_for_a_strategy_without_a_trade_is_told_with_the_nearest_name() {
    let config = from_file(
        "[strategy_guard.strategies.S]\ncapital = 1\n[strategy_guard.strategies.rsi]\ncapital = 2\n",
    );
    let warnings = config.unwrap().sections_without_trade(["s", "rsi"]);
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("tradewarden.toml: strategy_guard.strategies.S: no trade"), "{told:?}");
    assert!(told[0].contains("nearest name is \"s\""), "{told:?}");
}

#[test]
fn an_archive_that_is_not_there_is_missing() {
    let config = from_flags(&["store.archive_folder=/nonexistent/archive"]).unwrap();
    assert!(
        config.missing()[0]
            .to_string()
            .starts_with("--set: store.archive_folder = /nonexistent/archive: there is")
    );
    assert!(Config::load(&Layers::default()).unwrap().missing().is_empty());
}

#[test]
fn a_key_is_explained_with_its_value_its_origin_and_its_meaning() {
    let config =
        from_flags(&["strategy_guard.max_daily_loss_pct=5", "kafka.properties.sasl.password=x"]).unwrap();
    let explained = explain(&config, "strategy_guard.max_daily_loss_pct").unwrap();
    assert_eq!((explained.value.as_deref(), explained.origin.as_str()), (Some("5"), "--set"));
    assert_eq!(explained.default.as_deref(), Some("10"));
    assert!(explained.meaning.contains("loss of the UTC day"), "{explained:?}");
    let inherited = explain(&config, "strategy_guard.strategies.a.b.max_daily_loss_pct").unwrap();
    assert_eq!(inherited.value.as_deref(), Some("5"));
    assert!(inherited.origin.contains("as strategy_guard.max_daily_loss_pct: --set"), "{inherited:?}");
    let secret = explain(&config, "kafka.properties.sasl.password").unwrap();
    assert_eq!(secret.value.as_deref(), Some("(secret)"));
    assert!(explain(&config, "strategy_guard.max_daily_los_pct").unwrap_err().contains("max_daily_loss_pct"));
    for key in keys::all() {
        let explained = explain(&config, &key.replace('*', "name")).unwrap();
        assert!(!explained.meaning.is_empty(), "{key} is not explained");
    }
    let told: Vec<&str> = not_default(&config).map(|(given, _)| given.key.as_str()).collect();
    assert_eq!(told, ["kafka.properties.sasl.password", "strategy_guard.max_daily_loss_pct"]);
    assert_eq!(not_default(&from_file(DEFAULT_FILE).unwrap()).count(), 0);
}
