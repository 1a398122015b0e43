//! The program as users run it.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The proxy beside the bench, which is built where no other test has done so.
fn proxy() -> PathBuf {
    let bench = Path::new(env!("CARGO_BIN_EXE_tulle-bench"));
    let proxy = bench.with_file_name("tulle-proxy");
    if !proxy.exists() {
        let target = bench.ancestors().nth(2).unwrap();
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--package",
                "tulle-proxy",
                "--target-dir",
            ])
            .arg(target)
            .status()
            .unwrap();
        assert!(status.success(), "tulle-proxy builds");
    }
    proxy
}

/// Runs a short comparison of direct and Tulle; the report's JSON.
fn compare(scenarios: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tulle-bench"))
        .args([
            "compare",
            "--quick",
            "--rounds",
            "2",
            "--seconds",
            "0.2",
            "--peer",
            "direct,floor,tulle",
        ])
        .args(["--scenario", scenarios])
        .arg("--proxy")
        .arg(proxy())
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("<svg"), "the page has plots");
    let json = std::fs::read(folder.path().join("report.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn entry<'a>(report: &'a Value, scenario: &str, name: &str) -> &'a Value {
    let scenarios = report["scenarios"].as_array().unwrap();
    let scenario = scenarios
        .iter()
        .find(|found| found["name"] == scenario)
        .unwrap();
    let entries = scenario["entries"].as_array().unwrap();
    entries.iter().find(|found| found["name"] == name).unwrap()
}

#[test]
fn a_comparison_has_figures_of_every_peer_and_no_errors() {
    let scenarios = [
        "h1-rate",
        "mtls-h2-sat",
        "mtls-l4-bytes-1",
        "handshake",
        "start",
        "ads-1000",
        "ads-1000-host",
        "ads-1000-endpoint",
    ];
    let report = compare(&scenarios.join(","));
    assert!(!report["machine"]["kernel"].as_str().unwrap().is_empty());
    assert_eq!(report["settings"]["rounds"], 2);
    for scenario in scenarios {
        for name in ["direct", "tulle"] {
            let has_traffic = scenario != "start" && !scenario.starts_with("ads");
            if name == "direct" && !has_traffic {
                continue;
            }
            let entry = entry(&report, scenario, name);
            assert_eq!(
                (&entry["outcome"], &entry["errors"]),
                (&"valid".into(), &0.into()),
                "{scenario}: {entry:#}"
            );
        }
    }
    assert_eq!(entry(&report, "h1-rate", "floor")["outcome"], "valid");
    for (scenario, metric) in [
        ("ads-1000", "apply-cpu"),
        ("ads-1000-host", "change-cpu"),
        ("ads-1000-endpoint", "effective"),
    ] {
        let series = &entry(&report, scenario, "tulle")["figures"][metric];
        assert!(
            series["min"].as_f64().unwrap() > 0.0,
            "{scenario}: {series}"
        );
    }
    let paced = entry(&report, "h1-rate", "tulle");
    for metric in [
        "cpu", "p50", "p99", "p999", "rate", "switches", "pss", "rss", "lag",
    ] {
        let series = &paced["figures"][metric];
        assert_eq!(series["rounds"], 2, "{metric}: {series}");
        let [min, median, max] = ["min", "median", "max"].map(|key| series[key].as_f64().unwrap());
        assert!(min <= median && median <= max, "{metric}: {series}");
    }
    assert!(paced["figures"]["cpu"]["min"].as_f64().unwrap() > 0.0);
    let config = paced["configs"][0]["config"].as_u64().unwrap();
    let config = &report["configs"][usize::try_from(config).unwrap()];
    assert!(config.as_str().unwrap().contains("static_resources"));
    let summary = report["summary"].as_array().unwrap();
    let line = summary.iter().find(|line| line["scenario"] == "start");
    let verdict = &line.unwrap()["verdicts"][0];
    assert_eq!(
        (&verdict["grade"], &verdict["at_most"]),
        (&"commit".into(), &50.0.into())
    );
    let bytes = &entry(&report, "mtls-l4-bytes-1", "tulle")["figures"];
    assert!(bytes["cpu-per-gigabyte"]["min"].as_f64().unwrap() > 0.0);
    assert_eq!(
        entry(&report, "mtls-l4-bytes-1", "tulle")["configs"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(
        entry(&report, "start", "tulle")["figures"]["ready"]["min"]
            .as_f64()
            .unwrap()
            > 0.0
    );
}

#[test]
fn a_name_that_does_not_exist_is_an_error() {
    for arguments in [["--scenario", "h9"], ["--peer", "direct,apache"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_tulle-bench"))
            .arg("compare")
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("there is no"), "{errors}");
    }
}

#[test]
fn a_peer_that_cannot_take_part_is_a_row_that_says_why() {
    let broken = tempfile::NamedTempFile::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tulle-bench"))
        .args([
            "compare",
            "--quick",
            "--scenario",
            "h1-c1",
            "--peer",
            "tulle",
            "--proxy",
        ])
        .arg(broken.path())
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "a broken Tulle is an error");
    assert!(errors.contains("tulle in h1-c1"), "{errors}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("tulle FAILED"));
    let json = std::fs::read(folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(entry(&report, "h1-c1", "tulle")["outcome"], "failed");
}

#[test]
fn the_floor_forwards_both_ways_and_ends_with_the_connection() {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};

    for means in ["copy", "splice"] {
        let backend = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listen.local_addr().unwrap();
        drop(listen);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let to = backend.local_addr().unwrap();
        write!(file, r#"{{"listen":"{at}","to":"{to}","means":"{means}"}}"#).unwrap();
        let mut floor = Command::new(env!("CARGO_BIN_EXE_tulle-bench"))
            .arg("forward")
            .arg(file.path())
            .spawn()
            .unwrap();
        let mut client = loop {
            assert!(floor.try_wait().unwrap().is_none(), "the floor runs");
            if let Ok(client) = TcpStream::connect(at) {
                break client;
            }
        };
        // more than all buffers on the way hold
        let sent = vec![b'x'; 32 << 20];
        let writer = std::thread::spawn({
            let (mut client, sent) = (client.try_clone().unwrap(), sent.clone());
            move || {
                client.write_all(&sent).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            }
        });
        let (mut server, _) = backend.accept().unwrap();
        let mut read = Vec::new();
        server.read_to_end(&mut read).unwrap();
        writer.join().unwrap();
        assert!(read == sent, "{means}: all bytes arrive");
        server.write_all(b"answer").unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "answer");
        floor.kill().unwrap();
        floor.wait().unwrap();
    }
}
