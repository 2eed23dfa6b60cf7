//! Every declared setting as a flag and an environment variable of the command line; the flag wins.
//! In: the declarations. Out: what `signet serve --help` lists, and [`Settings`].

use std::convert::Infallible;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::settings::{SecretText, Settings};
use super::{GROUPS, Group};
use crate::config::setting::Declaration;

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        GROUPS
            .iter()
            .fold(command, |command, group| command.args(group.settings.iter().flat_map(|d| args(group, d))))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = Self::default();
        settings.update_from_arg_matches(matches)?;
        Ok(settings)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for declaration in GROUPS.iter().flat_map(|group| group.settings) {
            for name in std::iter::once(declaration.name.to_owned()).chain(declaration.file_name()) {
                if let Some(text) = matches.get_one::<SecretText>(&name) {
                    self.set(&name, text.clone());
                }
            }
        }
        Ok(())
    }
}

/// The flag of a setting, and that of its file where it may have one.
fn args(group: &Group, declaration: &Declaration) -> impl Iterator<Item = Arg> {
    let Declaration { name, flag, value_name, help, default, .. } = *declaration;
    let file_name = declaration.file_name();
    let value = arg(group, name.to_owned(), flag.to_owned(), value_name)
        .help(format!("{help} [default: {default}]"))
        // A URL may hold a password, whether or not it is taken.
        .hide_env_values(file_name.is_some() || ["URL", "ORIGIN", "LIST"].contains(&value_name));
    let file = file_name.map(|file_name| {
        arg(group, file_name, format!("{flag}-file"), "FILE").help(format!("File that holds {name}"))
    });
    std::iter::once(value).chain(file)
}

fn arg(group: &Group, name: String, flag: String, value_name: &'static str) -> Arg {
    Arg::new(name.clone())
        .long(flag)
        .env(name)
        .value_name(value_name)
        .help_heading(group.heading)
        .value_parser(|text: &str| Ok::<_, Infallible>(SecretText::from(text)))
}
