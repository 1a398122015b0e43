//! `/logging`: log levels, shown and set.

use http::StatusCode;

use super::Reply;
use super::query::Query;
use crate::logging::{InvalidLevels, Levels, LogControl, level};

pub(super) fn respond(query: &Query, log: &LogControl) -> Reply {
    let mut levels = log.levels();
    match query
        .iter()
        .try_for_each(|(name, value)| set(&mut levels, name, value))
    {
        Ok(()) => log.set(levels.clone()),
        Err(error) => return Reply::error(StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
    let lines: String = levels
        .list()
        .iter()
        .map(|(scope, level)| format!("  {scope}: {level}\n"))
        .collect();
    Reply::text(format!("active loggers:\n{lines}"))
}

fn set(levels: &mut Levels, name: &str, value: &str) -> Result<(), InvalidLevels> {
    match name {
        "level" => levels.set_all(level(value)?),
        "paths" => {
            for item in value.split(',') {
                let (scope, name) = item.split_once(':').unwrap_or(("default", item));
                levels.set(scope, level(name)?)?;
            }
        }
        scope => levels.set(scope, level(value)?)?,
    }
    Ok(())
}
