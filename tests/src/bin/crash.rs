//! Puts the event log under faults, at length, and says what was lost: nothing, or the seed that shows it.
//!
//! `cargo run --release -p tests --bin crash -- [--kills N --power-cuts N --troubles N --damages N --forgeries N --running N
//! --starts N --cuts N --slow-stops N --histories N --fuzz N --seed N]`

use std::{
    env,
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::{Command, ExitCode},
};

use store::embedded::testing::disk::Random;
use tests::crash::{self, Cut, Damage, Forgery, Harm, Running};

/// How many runs of each kind, and the first seed.
struct Plan {
    kills: u64,
    power_cuts: u64,
    troubles: u64,
    damages: u64,
    forgeries: u64,
    running: u64,
    starts: u64,
    cuts: u64,
    slow_stops: u64,
    histories: u64,
    fuzz: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, dir] = &arguments[..]
        && flag == "--writer"
    {
        return match crash::write_until_killed(&PathBuf::from(dir)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => fail(&why),
        };
    }
    match plan(&arguments) {
        Ok(plan) => run(&plan),
        Err(why) => fail(&why),
    }
}

fn fail(why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "crash: {why}");
    ExitCode::from(2)
}

fn plan(arguments: &[String]) -> Result<Plan, String> {
    let mut plan = Plan {
        kills: 1000,
        power_cuts: 1000,
        troubles: 1000,
        damages: 1000,
        forgeries: 1000,
        running: 500,
        starts: 50,
        cuts: 200,
        slow_stops: 20,
        histories: 1000,
        fuzz: 1000,
        seed: 1,
    };
    for pair in arguments.chunks(2) {
        let [flag, number] = pair else { return Err(format!("{} needs a number", pair[0])) };
        let number = number.parse().map_err(|_| format!("{flag}: {number} is no number"))?;
        match flag.as_str() {
            "--kills" => plan.kills = number,
            "--power-cuts" => plan.power_cuts = number,
            "--troubles" => plan.troubles = number,
            "--damages" => plan.damages = number,
            "--forgeries" => plan.forgeries = number,
            "--running" => plan.running = number,
            "--starts" => plan.starts = number,
            "--cuts" => plan.cuts = number,
            "--slow-stops" => plan.slow_stops = number,
            "--histories" => plan.histories = number,
            "--fuzz" => plan.fuzz = number,
            "--seed" => plan.seed = number,
            _ => {
                let known = "--kills, --power-cuts, --troubles, --damages, --forgeries, --running, --starts, \
                             --cuts, --slow-stops, --histories, --fuzz, --seed";
                return Err(format!("{flag} is not known: {known}"));
            }
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> ExitCode {
    let mut report = Report::default();
    let seeds = |count| plan.seed..plan.seed + count;
    report.rows("power cut", seeds(plan.power_cuts), |seed| crash::power_cut(seed).map(|()| false));
    report.rows("full disk, failed sync or read", seeds(plan.troubles), |seed| {
        crash::trouble(seed).map(|()| false)
    });
    report.rows("no descriptor for a while", seeds(plan.troubles), |seed| {
        crash::no_descriptors(seed).map(|()| false)
    });
    let of = |count: u64, kinds: usize| seeds(count.div_ceil(kinds as u64));
    for kind in Damage::ALL {
        let seeds = of(plan.damages, Damage::ALL.len());
        report.rows(&format!("damage: {kind:?}"), seeds, |seed| crash::damage(kind, seed));
    }
    for kind in Forgery::ALL {
        let seeds = of(plan.forgeries, Forgery::ALL.len());
        report.rows(&format!("forgery: {kind:?}"), seeds, |seed| crash::forge(kind, seed));
    }
    for kind in Running::ALL {
        let seeds = of(plan.running, Running::ALL.len());
        report.rows(&format!("while it runs: {kind:?}"), seeds, |seed| crash::running(kind, seed));
    }
    for kind in Harm::ALL {
        let seeds = of(plan.starts, Harm::ALL.len());
        report.rows(&format!("before a start: {kind:?}"), seeds, |seed| crash::harmed(kind, seed));
    }
    report.rows("forged state of the guard, and kills", seeds(plan.starts), |seed| {
        crash::forged_state(seed).map(|()| false)
    });
    for kind in Cut::ALL {
        let seeds = of(plan.cuts, Cut::ALL.len());
        report.rows(&format!("power cut of the program: {kind:?}"), seeds, |seed| {
            crash::cut_program(kind, seed)
        });
    }
    report.rows("stop on a slow disk", seeds(plan.slow_stops), |seed| crash::slow_stop(seed).map(|()| false));
    report.rows("several files changed at random", seeds(plan.fuzz), crash::fuzz);
    report.rows("history of appenders and readers", seeds(plan.histories), |seed| {
        crash::history(seed).map(|_| false)
    });
    kills(plan, &mut report);
    // Honest only when it finds something where there is something to find.
    let found = seeds(plan.power_cuts).filter(|seed| crash::control(*seed)).count() as u64;
    print(&format!(
        "control: {found} of {} power cuts on a disk that does not sync are found out",
        plan.power_cuts
    ));
    if report.failed == 0 && (found > 0 || plan.power_cuts == 0) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Kills writers; a folder is written on by twenty of them.
fn kills(plan: &Plan, report: &mut Report) {
    let mut random = Random(plan.seed);
    let (mut folder, mut acknowledged) = (None, [0; 3]);
    report.rows("kill", plan.seed..plan.seed + plan.kills, |seed| {
        if seed % 20 == 0 || folder.is_none() {
            folder = Some(tempfile::tempdir().map_err(|error| error.to_string())?);
            acknowledged = [0; 3];
        }
        let Some(dir) = &folder else { return Ok(false) };
        let program = env::current_exe().map_err(|error| error.to_string())?;
        let mut writer = Command::new(program);
        writer.arg("--writer").arg(dir.path());
        crash::killed(writer, dir.path(), random.next(), &mut acknowledged).map(|()| false)
    });
}

/// What was found.
#[derive(Default)]
struct Report {
    failed: u64,
}

/// Failures that are told one by one.
const TOLD: u64 = 10;

impl Report {
    /// Runs seeds; each answers whether the log refused what it found.
    fn rows(
        &mut self,
        what: &str,
        seeds: std::ops::Range<u64>,
        mut run: impl FnMut(u64) -> Result<bool, String>,
    ) {
        let (count, mut refused, mut failed) = (seeds.end - seeds.start, 0, 0);
        if count == 0 {
            return;
        }
        let shown = std::io::stderr().is_terminal();
        for (done, seed) in seeds.enumerate() {
            if shown && done % 50 == 0 {
                let _ = write!(std::io::stderr(), "\r{what}: {done} of {count}\x1b[K");
            }
            match run(seed) {
                Ok(told) => refused += u64::from(told),
                Err(why) => {
                    failed += 1;
                    if failed <= TOLD {
                        print(&format!("FAILED {what}, seed {seed}: {why}"));
                    }
                }
            }
        }
        if shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        self.failed += failed;
        let told = if refused > 0 { format!(", {refused} refused with a reason") } else { String::new() };
        print(&format!("{what}: {count} runs{told}, {failed} with a loss"));
    }
}

fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
