//! Real files: names, types, counts, first and last rows.

use std::path::Path;

use super::reading::Read;
use super::rows::read;

fn file(name: &str) -> Read {
    let drive = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../tests/data/drive");
    let text = std::fs::read_to_string(drive.join(name)).expect("the demo drive has it");
    let read = read(&text, &[]);
    assert_eq!(read.warnings(), [""; 0], "{name}");
    read
}

/// Checks columns, number of rows, first row and last row.
fn check(name: &str, columns: &[&str], count: usize, first: &str, last: &str) {
    let read = file(name);
    assert_eq!(read.columns(), columns, "{name}");
    let rows = read.rows();
    assert_eq!(rows.len(), count, "{name}");
    assert_eq!((rows[0].as_str(), rows[count - 1].as_str()), (first, last), "{name}");
}

#[test]
fn seattle_weather_has_dates_floats_and_text() {
    check(
        "my-folder/my-file.csv",
        &[
            "date Date32",
            "precipitation Float64",
            "temp_max Float64",
            "temp_min Float64",
            "wind Float64",
            "weather Utf8",
        ],
        1461,
        "day 15340|0.0|12.8|5.0|4.7|drizzle",
        "day 16800|0.0|5.6|-2.1|3.5|sun",
    );
}

#[test]
fn airports_have_quoted_names() {
    check(
        "geo/airports.csv",
        &[
            "iata Utf8",
            "name Utf8",
            "city Utf8",
            "state Utf8",
            "country Utf8",
            "latitude Float64",
            "longitude Float64",
        ],
        3376,
        "00M|Thigpen|Bay Springs|MS|USA|31.95376472|-89.23450472",
        "ZZV|Zanesville Municipal|Zanesville|OH|USA|39.94445833|-81.89210528",
    );
    let quoted = file("geo/airports.csv").rows().iter().filter(|row| row.contains('"')).count();
    assert_eq!(quoted, QUOTED_AIRPORTS);
}

/// Airports whose names hold quotes, as Python's csv module counts them.
const QUOTED_AIRPORTS: usize = 1;

#[test]
fn zip_codes_keep_their_zeros() {
    check(
        "geo/zipcodes.csv",
        &[
            "zip_code Utf8",
            "latitude Float64",
            "longitude Float64",
            "city Utf8",
            "state Utf8",
            "county Utf8",
        ],
        42_049,
        "00501|40.922326|-72.637078|Holtsville|NY|Suffolk",
        "99950|55.542007|-131.432682|Ketchikan|AK|Ketchikan Gateway",
    );
}

#[test]
fn bird_strikes_keep_awkward_names_and_the_word_none() {
    check(
        "safety/birdstrikes.csv",
        &[
            "Airport Name Utf8",
            "Aircraft Make Model Utf8",
            "Effect Amount of damage Utf8",
            "Flight Date Date32",
            "Aircraft Airline Operator Utf8",
            "Origin State Utf8",
            "Phase of flight Utf8",
            "Wildlife Size Utf8",
            "Wildlife Species Utf8",
            "Time of day Utf8",
            "Cost Other Int64",
            "Cost Repair Int64",
            "Cost Total $ Int64",
            "Speed IAS in knots Int64",
        ],
        10_000,
        "BARKSDALE AIR FORCE BASE ARPT|T-38A|None|day 7312|MILITARY|Louisiana|Climb|Large|\
         Turkey vulture|Day|0|0|0|300",
        "GREATER PITTSBURGH|EMB-145|None|day 11893|TRANS STATES AIRLINES|Pennsylvania|Climb|\
         Medium|Red-tailed hawk|Day|0|0|0|140",
    );
}

#[test]
fn stocks_have_dates_that_stay_text() {
    check(
        "finance/stocks.csv",
        &["symbol Utf8", "date Utf8", "price Float64"],
        560,
        "MSFT|Jan 1 2000|39.81",
        "AAPL|Mar 1 2010|223.02",
    );
}

#[test]
fn species_have_county_codes_with_leading_zeros() {
    check(
        "science/species.csv",
        &[
            "item_id Utf8",
            "common_name Utf8",
            "scientific_name Utf8",
            "gap_species_code Utf8",
            "county_id Utf8",
            "habitat_yearround_pct Float64",
        ],
        12_360,
        "58fa3f0be4b0b7ea54524859|American Bullfrog|Lithobates catesbeianus|aAMBUx|53000|0.0481",
        "58fe0f4fe4b0074928294636|Common Gartersnake|Thamnophis sirtalis|rCOGAx|45019|0.7028",
    );
}

#[test]
fn co2_has_a_space_in_a_name() {
    check(
        "weather/co2-concentration.csv",
        &["Date Date32", "CO2 Float64", "adjusted CO2 Float64"],
        741,
        "day -4324|315.7|314.44",
        "day 18353|416.18|413.35",
    );
}
