//! What is done where the kernel has no nf_tables: its sockets are refused to the program as such a kernel refuses them.
#![allow(
    unsafe_code,
    reason = "a filter of system calls is only to be had by a raw system call"
)]

use std::path::Path;
use std::process::{Command, Output};

use super::pods::{self, Pods};

/// A word of the filter's language.
fn word(code: u32, k: u32, skip_if_not: u8) -> libc::sock_filter {
    libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt: 0,
        jf: skip_if_not,
        k,
    }
}

/// Refuses `socket(AF_NETLINK, _, NETLINK_NETFILTER)` to this thread and to what it starts, as a kernel without
/// nfnetlink does.
fn refuse_nf_tables() {
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let refused = libc::SECCOMP_RET_ERRNO | libc::EPROTONOSUPPORT.unsigned_abs();
    let mut filter = [
        word(load, 0, 0), // the number of the call
        word(equal, u32::try_from(libc::SYS_socket).unwrap(), 5),
        word(load, 16, 0), // its first argument
        word(equal, libc::AF_NETLINK.unsigned_abs(), 3),
        word(load, 32, 0), // its third
        word(equal, libc::NETLINK_NETFILTER.unsigned_abs(), 1),
        word(answer, refused, 0),
        word(answer, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap(),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the filter, which lives until the call returns; nothing else is touched.
    let done = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// The program with nothing but `path` to find others in.
fn capture(pods: &Pods, path: &Path) -> Output {
    pods.ours(|| {
        Command::new(env!("CARGO_BIN_EXE_tulle-proxy"))
            .args("capture -u 1337 -g 1337 -i * -b * -d 15021".split(' '))
            .env("PATH", path)
            .output()
            .unwrap()
    })
}

#[test]
fn without_nf_tables_iptables_restore_is_fed() {
    let test = "without_nf_tables_iptables_restore_is_fed";
    pods::with(test, |pods| {
        if !pods::installed_iptables(test).contains(&"legacy") {
            return;
        }
        let path = tempfile::tempdir().unwrap();
        let legacy = pods::find("xtables-legacy-multi");
        for family in ["iptables", "ip6tables"] {
            for verb in ["save", "restore"] {
                let name = path.path().join(format!("{family}-{verb}"));
                std::os::unix::fs::symlink(&legacy, name).unwrap();
            }
        }
        refuse_nf_tables();
        let output = capture(pods, path.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("falling back to iptables-restore"), "{said}");
        let rules = pods.ours(|| pods::iptables_rules("legacy"));
        let redirects = |port: &str| rules.iter().any(|rule| rule.ends_with(port));
        assert!(redirects("15001") && redirects("15006"), "{rules:?}");
    });
}

#[test]
fn without_either_both_are_named() {
    pods::with("without_either_both_are_named", |pods| {
        refuse_nf_tables();
        let empty = tempfile::tempdir().unwrap();
        let output = capture(pods, empty.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for part in ["nftables", "iptables-save", "install iptables"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    });
}
