//! Real files: names, types, counts, first and last rows.

use std::path::Path;

use super::reading::Read;
use super::rows::read;

fn file(name: &str, options: &[(&str, &str)]) -> Read {
    let data = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("tests/data");
    let text = std::fs::read_to_string(data.join(name)).expect("it is beside the tests");
    let read = read(&text, options);
    assert_eq!(read.warnings(), [""; 0], "{name}");
    read
}

/// Checks columns, number of rows, first row and last row.
fn check(read: &Read, columns: &[&str], count: usize, first: &str, last: &str) {
    assert_eq!(read.columns(), columns);
    let rows = read.rows();
    assert_eq!(rows.len(), count);
    assert_eq!((rows[0].as_str(), rows[count - 1].as_str()), (first, last));
}

#[test]
fn cars_have_dates_and_numbers_that_widen() {
    check(
        &file("cars.json", &[]),
        &[
            "Name Utf8",
            "Miles_per_Gallon Float64",
            "Cylinders Int64",
            "Displacement Float64",
            "Horsepower Int64",
            "Weight_in_lbs Int64",
            "Acceleration Float64",
            "Year Date32",
            "Origin Utf8",
        ],
        406,
        "chevrolet chevelle malibu|18.0|8|307.0|130|3504|12.0|day 0|USA",
        "chevy s-10|31.0|4|119.0|82|2720|19.4|day 4383|USA",
    );
}

#[test]
fn penguins_have_awkward_keys_and_nulls() {
    let penguins = file("penguins.json", &[]);
    check(
        &penguins,
        &[
            "Species Utf8",
            "Island Utf8",
            "Beak Length (mm) Float64",
            "Beak Depth (mm) Float64",
            "Flipper Length (mm) Int64",
            "Body Mass (g) Int64",
            "Sex Utf8",
        ],
        344,
        "Adelie|Torgersen|39.1|18.7|181|3750|MALE",
        "Gentoo|Biscoe|49.9|16.1|213|5400|MALE",
    );
    assert_eq!(penguins.rows()[3], "Adelie|Torgersen|NULL|NULL|NULL|NULL|NULL");
}

#[test]
fn movies_keep_their_dates_as_text() {
    let movies = file("movies.json", &[]);
    assert_eq!(movies.rows().len(), 200);
    assert_eq!(
        movies.rows()[0],
        "The Land Girls|146083|146083|NULL|8000000|Jun 12 1998|R|NULL|Gramercy|NULL|NULL|NULL|NULL\
         |NULL|6.1|1071"
    );
}

#[test]
fn earthquakes_are_one_row_or_a_table_by_path() {
    let one = file("earthquakes.json", &[]);
    assert_eq!(one.columns(), ["type Utf8", "metadata Utf8", "features Utf8", "bbox Utf8"]);
    assert_eq!(one.rows().len(), 1);
    assert!(one.found("json.hint").is_some_and(|hint| hint.contains("path = 'features'")));
    let features = file("earthquakes.json", &[("path", "features")]);
    assert_eq!(features.columns(), ["type Utf8", "properties Utf8", "geometry Utf8", "id Utf8"]);
    let rows = features.rows();
    assert_eq!(rows.len(), 40);
    assert!(rows[0].starts_with("Feature|{\"mag\":2,\"place\":\"4km W of Castaic, CA\""));
    assert!(rows[0].ends_with("|ci37868143"), "{}", rows[0]);
}
