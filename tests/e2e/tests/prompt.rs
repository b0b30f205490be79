//! The prompt on a terminal: history without secrets, statements over several lines, completion,
//! commands, tables that fit, and Ctrl-C.

use std::time::{Duration, Instant};

use datasource_e2e::{Profile, Stage};
use rexpect::session::{PtySession, spawn_command};

/// Milliseconds until something must have been shown.
const PATIENCE: Option<u64> = Some(30_000);

fn connected(files: &[(&str, &[u8])]) -> Stage {
    let stage = Stage::with_files(Profile::Business, files);
    let _ = stage.create("drive").succeeds();
    stage
}

/// A prompt on a terminal of so many columns.
fn prompt(stage: &Stage, columns: u16) -> PtySession {
    let mut prompt = spawn_command(stage.prompt(columns), PATIENCE).expect("the host starts");
    prompt.exp_string("sql> ").expect("a prompt");
    prompt
}

fn leave(mut prompt: PtySession) {
    prompt.send_control('d').expect("the prompt listens");
    prompt.exp_eof().expect("the prompt ends");
}

#[test]
fn a_statement_may_span_lines_and_an_error_does_not_end_the_prompt() {
    let stage = connected(&[("a.csv", b"x\n41\n")]);
    let mut prompt = prompt(&stage, 100);
    prompt.send_line("SELECT x + 1 AS y").unwrap();
    prompt.send_line("FROM drive.`a.csv`;").unwrap();
    prompt.exp_string("42").unwrap();
    prompt.exp_string("1 row in").unwrap();
    prompt.send_line("SELECT z FROM drive.`a.csv`;").unwrap();
    prompt.exp_string("error: There is no column `z`.").unwrap();
    prompt.exp_string("hint: ").unwrap();
    prompt.send_line("USE drive;").unwrap();
    prompt.exp_string("drive> ").unwrap();
    leave(prompt);
}

#[test]
fn the_history_holds_no_secret_and_is_the_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = connected(&[("a.csv", b"x\n1\n")]);
    let mut first = prompt(&stage, 200);
    first
        .send_line("ALTER DATABASE drive SET PARAMETERS = {\"client_secret\": \"open-sesame\"};")
        .unwrap();
    first.exp_regex("(was altered|error: )").unwrap();
    first.send_line("SELECT 40 + 2 AS kept;").unwrap();
    first.exp_string("1 row in").unwrap();
    leave(first);
    let file = stage.state().join("history");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("sesame") && text.contains("'***'"), "{text}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // The arrow brings the last statement of the earlier prompt back.
    let mut second = prompt(&stage, 200);
    second.send("\x1b[A").unwrap();
    second.flush().unwrap();
    second.exp_string("SELECT 40 + 2 AS kept;").unwrap();
    second.send_line("").unwrap();
    second.exp_string("42").unwrap();
    leave(second);
}

#[test]
fn tab_completes_databases_and_listed_paths_in_backticks() {
    let stage = connected(&[("my folder/it is.csv", b"x\n41\n")]);
    let mut prompt = prompt(&stage, 120);
    prompt.send_line("SHOW TABLES FROM drive;").unwrap();
    prompt.exp_string("6 rows in").unwrap();
    prompt.exp_string("sql> ").unwrap();
    prompt.send("SELECT x + 1 FROM dri\t.my\t;\n").unwrap();
    prompt.flush().unwrap();
    prompt.exp_string("drive.`my folder/it is.csv`").unwrap();
    prompt.exp_string("42").unwrap();
    leave(prompt);
}

#[test]
fn commands_of_the_prompt_do_what_the_help_says() {
    let stage = connected(&[("a.csv", b"x,y\n1,2\n")]);
    let rows = stage.state().join("rows.txt");
    let mut prompt = prompt(&stage, 120);
    let mut says = |input: &str, answer: &str| {
        prompt.send_line(input).unwrap();
        prompt.exp_string(answer).unwrap_or_else(|error| panic!("{input}: {error}"));
    };
    says("\\?", "Ctrl-D leaves.");
    says("\\l", "one_drive");
    says("\\d drive", "a.csv");
    says("\\d drive.a.csv", "column_name");
    says("\\x", "A line for each column is on.");
    says("SELECT * FROM drive.`a.csv`;", "-[ row 1 ]-");
    says("\\x off", "A line for each column is off.");
    says("\\timing", "Timing is off.");
    says(&format!("\\o {}", rows.display()), "Rows go to");
    says("SELECT * FROM drive.`a.csv`;", "1 row");
    says("\\o", "Rows are shown here.");
    says("\\nonsense", "There is no such command.");
    prompt.send_line("\\q").unwrap();
    prompt.exp_eof().unwrap();
    assert_eq!(std::fs::read_to_string(rows).unwrap(), " x | y\n---+---\n 1 | 2\n");
}

#[test]
fn a_table_fits_a_narrow_terminal() {
    let long = format!("a,b\n{},{}\n", "x".repeat(99), "y".repeat(99));
    let stage = connected(&[("wide.csv", long.as_bytes())]);
    let mut prompt = prompt(&stage, 40);
    prompt.send_line("SELECT * FROM drive.`wide.csv`;").unwrap();
    // The rule below the header is as wide as the terminal.
    prompt.exp_string(&format!("{}+{}\r\n", "-".repeat(20), "-".repeat(19))).unwrap();
    prompt.exp_string(&format!(" {}", "x".repeat(17))).unwrap();
    prompt.exp_string("1 row in").unwrap();
    leave(prompt);
}

#[test]
fn ctrl_c_ends_a_query_and_clears_a_line() {
    let rows: String = (0..300_000).map(|row| format!("{row}\n")).collect();
    let stage = connected(&[("many.csv", format!("x\n{rows}").as_bytes())]);
    // So slow that reading it takes half a minute.
    stage.control().shape(None, Some(64 << 10)).unwrap();
    let mut prompt = prompt(&stage, 120);
    prompt.send_line("SELECT sum(x) FROM drive.`many.csv`;").unwrap();
    // The line of progress, with the rows that were read.
    prompt.exp_string(" read, ").unwrap();
    prompt.send_control('c').unwrap();
    prompt.exp_string("The query was cancelled.").unwrap();
    prompt.exp_string("sql> ").unwrap();
    prompt.send("SELECT nonsense").unwrap();
    prompt.send_control('c').unwrap();
    prompt.exp_string("sql> ").unwrap();
    prompt.send_line("SELECT 40 + 2 AS x;").unwrap();
    prompt.exp_string("42").unwrap();
    leave(prompt);
}

#[test]
fn ctrl_c_ends_a_join_of_years_and_gives_its_threads_back() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    let mut prompt = prompt(&stage, 120);
    // More often than the machine has threads for queries: none of them may be lost.
    let times = std::thread::available_parallelism().unwrap().get() + 1;
    for _ in 0..times {
        // 3376 rows to the fifth power, which takes years.
        let file = "drive.`geo/airports.csv`";
        let join = format!("{file} a, {file} b, {file} c, {file} d, {file} e");
        prompt.send_line(&format!("SELECT count(*) FROM {join};")).unwrap();
        // The line of progress goes on once all rows are read and only the join works.
        prompt.exp_string("3.").unwrap();
        prompt.exp_string(" s: ").unwrap();
        let pressed = Instant::now();
        prompt.send_control('c').unwrap();
        prompt.exp_string("The query was cancelled.").unwrap();
        assert!(pressed.elapsed() < Duration::from_secs(1), "{:?}", pressed.elapsed());
        prompt.exp_string("sql> ").unwrap();
        prompt.send_line("SELECT 40 + 2 AS x;").unwrap();
        prompt.exp_string("42").unwrap();
        prompt.exp_string("sql> ").unwrap();
        assert!(pressed.elapsed() < Duration::from_secs(5), "{:?}", pressed.elapsed());
    }
    // The last query ends where it next yields, with all that it held.
    let give_up = Instant::now() + Duration::from_secs(10);
    loop {
        let before = processor_time(&stage);
        std::thread::sleep(Duration::from_millis(500));
        if processor_time(&stage) - before < Duration::from_millis(100) {
            break;
        }
        assert!(Instant::now() < give_up, "a cancelled query goes on");
    }
    leave(prompt);
}

/// The processor time that the host of a stage has used, from `/proc`.
#[expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]
fn processor_time(stage: &Stage) -> Duration {
    let state = stage.state().to_string_lossy().into_owned();
    let runs_host = |process: &std::path::PathBuf| {
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).split('\0').any(|argument| argument == state)
    };
    let mut processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let host = processes.find(runs_host).expect("the host runs");
    let stat = std::fs::read_to_string(host.join("stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // Fields 14 and 15, in hundredths of a second; the first one here is the third.
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
