//! The README's table of settings, held to their declarations.

use super::declared;

/// The cells of the rows of the table, without their backticks.
fn rows() -> Vec<[String; 3]> {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## Settings\n").unwrap();
    let table = section.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
    table
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<String> =
                line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect();
            cells.try_into().unwrap()
        })
        .collect()
}

#[test]
fn readme_names_declared_settings_with_their_defaults() {
    let rows = rows();
    assert!(rows.len() >= 10, "the table is found: {rows:?}");
    for [names, meaning, defaults] in rows {
        let (names, defaults): (Vec<&str>, Vec<&str>) =
            (names.split(", ").collect(), defaults.split(", ").collect());
        assert_eq!(names.len(), defaults.len(), "{names:?} {defaults:?}");
        for (name, default) in names.into_iter().zip(defaults) {
            let setting = declared().find(|setting| setting.name == name);
            let setting = setting.unwrap_or_else(|| panic!("{name} ({meaning}) is declared nowhere"));
            let expected =
                if setting.default == "generated" { "generated into keys/" } else { setting.default };
            assert_eq!(default, expected, "{name}");
        }
    }
}
