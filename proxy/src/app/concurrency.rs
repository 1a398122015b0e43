//! How many workers: as told, else the CPU quota rounded up, else two.

use std::path::Path;

use crate::config::sidecar::Environment;

const UNLIMITED: usize = 2;

/// The number of workers for a flag (0: all cores), a setting of the mesh and a CPU limit.
pub(super) fn workers(flag: Option<usize>, mesh: Option<u32>, limit: Option<usize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(UNLIMITED, usize::from);
    let asked = flag.or_else(|| mesh.and_then(|count| usize::try_from(count).ok()));
    match asked {
        Some(0) => cores(),
        Some(count) => count,
        None => limit.unwrap_or(UNLIMITED),
    }
}

/// The CPU limit of the container in whole cores, rounded up: as the injector writes it, else by its control group.
pub(super) fn limit(env: &Environment) -> Option<usize> {
    let declared = env
        .get("ISTIO_CPU_LIMIT")
        .and_then(|limit| limit.parse().ok())
        .filter(|limit| *limit > 0);
    declared.or_else(|| quota(Path::new("/sys/fs/cgroup/cpu.max")))
}

fn quota(file: &Path) -> Option<usize> {
    let text = std::fs::read_to_string(file).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (usize, usize) = (quota.parse().ok()?, period.parse().ok()?);
    Some(quota.div_ceil(period.max(1)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_the_mesh_which_beats_the_quota() {
        assert_eq!(workers(Some(3), Some(4), Some(5)), 3);
        assert_eq!(workers(None, Some(4), Some(5)), 4);
        assert_eq!(workers(None, None, Some(5)), 5);
        assert_eq!(workers(None, None, None), 2);
        assert!(workers(Some(0), None, None) >= 1);
    }

    #[test]
    fn quotas_are_rounded_up() {
        let dir = tempfile::tempdir().unwrap();
        for (text, wanted) in [
            ("150000 100000", Some(2)),
            ("50000 100000", Some(1)),
            ("max 100000", None),
        ] {
            let file = dir.path().join("cpu.max");
            std::fs::write(&file, text).unwrap();
            assert_eq!(quota(&file), wanted, "{text}");
        }
    }
}
