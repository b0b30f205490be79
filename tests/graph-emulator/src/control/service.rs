//! The service's behaviour: clock, journal, faults, variants, network, throttling, state.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answered, Asked, done, internal, refused, saved, unusable};
use crate::world::World;

/// A change of the clock: an object with one of these names.
#[derive(Deserialize)]
enum ClockChange {
    #[serde(rename = "advance_ms")]
    Advance(i64),
    #[serde(rename = "at_least_ms")]
    AtLeast(i64),
    #[serde(rename = "set_ms")]
    Set(i64),
}

pub(super) fn clock(world: &World, asked: &Asked<'_>) -> Answered {
    let now = |world: &World| json!({ "now_ms": world.clock.now_ms() });
    match *asked.method {
        Method::GET => Ok(now(world).to_string().into_bytes()),
        Method::POST => {
            let changed = match asked.read()? {
                ClockChange::Advance(by) => world.clock.advance(by),
                ClockChange::AtLeast(time) => world.clock.at_least(time),
                ClockChange::Set(time) => world.clock.set(time),
            };
            changed.map_err(unusable)?;
            saved(world, now(world))
        }
        _ => Err(asked.wrong_method()),
    }
}

pub(super) fn journal(world: &World, asked: &Asked<'_>) -> Answered {
    match *asked.method {
        Method::GET => {
            let since = asked.parameter("since").map(str::parse).transpose().map_err(unusable)?;
            let filter =
                crate::journal::Filter { since, host: asked.parameter("host").map(str::to_owned) };
            world.journal.report(&filter).map_err(internal)
        }
        Method::DELETE => {
            world.journal.clear();
            done()
        }
        _ => Err(asked.wrong_method()),
    }
}

pub(super) fn counters(world: &World, asked: &Asked<'_>) -> Answered {
    if asked.method != Method::GET {
        return Err(asked.wrong_method());
    }
    world.journal.counters().map_err(internal)
}

pub(super) fn faults(world: &World, asked: &Asked<'_>, rest: &[&str]) -> Answered {
    match (asked.method, rest) {
        (&Method::GET, []) => Ok(world.faults.list().to_string().into_bytes()),
        (&Method::POST, []) => {
            let id = world.faults.add(asked.read()?).map_err(unusable)?;
            Ok(json!({ "id": id }).to_string().into_bytes())
        }
        (&Method::DELETE, []) => {
            world.faults.clear();
            done()
        }
        (&Method::DELETE, [id]) => {
            let removed = world.faults.remove(id.parse().map_err(unusable)?);
            if removed { done() } else { Err(super::missing("fault of that id")) }
        }
        _ => Err(asked.wrong_method()),
    }
}

/// What is not named stays as it is.
pub(super) fn variants(world: &World, asked: &Asked<'_>) -> Answered {
    let now = json!(*world.variants());
    match *asked.method {
        Method::GET => Ok(now.to_string().into_bytes()),
        Method::POST => {
            let changes: Value = asked.read()?;
            let (Value::Object(mut now), Value::Object(changes)) = (now, changes) else {
                return Err(refused("the variants must be an object"));
            };
            now.extend(changes);
            let variants = serde_json::from_value(Value::Object(now)).map_err(unusable)?;
            world.set_variants(variants);
            saved(world, json!(*world.variants()))
        }
        _ => Err(asked.wrong_method()),
    }
}

pub(super) fn network(world: &World, asked: &Asked<'_>) -> Answered {
    match *asked.method {
        Method::GET => {}
        Method::POST => world.network.set(asked.read()?).map_err(unusable)?,
        _ => return Err(asked.wrong_method()),
    }
    Ok(json!(world.network.shape()).to_string().into_bytes())
}

pub(super) fn throttle(world: &World, asked: &Asked<'_>) -> Answered {
    match *asked.method {
        Method::GET => {}
        Method::POST => world.throttle.set(asked.read()?).map_err(unusable)?,
        _ => return Err(asked.wrong_method()),
    }
    Ok(world.throttle.settings().to_string().into_bytes())
}

/// Everything but the contents of files, to be put back later.
pub(super) fn state(world: &World, asked: &Asked<'_>) -> Answered {
    match *asked.method {
        Method::GET => world.export().map_err(internal),
        Method::PUT => {
            world.import(asked.body).map_err(unusable)?;
            world.save_items().map_err(internal)?;
            saved(world, json!({}))
        }
        _ => Err(asked.wrong_method()),
    }
}
