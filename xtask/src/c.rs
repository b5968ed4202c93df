//! libtrueline as C sees it: building it, and compiling and linking programs against it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::command::{cargo, command, output, root, run, stdout, target};
use crate::slim;

/// The libraries that a program linked with libtrueline.a needs on Linux, as the README states them.
pub const STATIC_LINK_LINE: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";
/// Some of tract's assembly does not say that it needs no executable stack; this says it for the whole program.
const NO_EXECUTABLE_STACK: &str = "-Wl,-z,noexecstack";

/// Which form of libtrueline a program is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    /// libtrueline.a
    Static,
    /// libtrueline.so
    Shared,
}

/// A folder where one build's programs and libraries lie.
pub struct Build {
    /// `target/release`.
    pub libraries: PathBuf,
    /// Where compiled C programs go.
    pub programs: PathBuf,
}

/// Builds libtrueline and the command line as the README says.
pub fn build() -> Result<Build, String> {
    run(&mut cargo(&["build", "--release", "-p", "trueline_ffi", "-p", "trueline_cli"]))?;
    let libraries = target().join("release");
    let programs = libraries.join("c");
    fs::create_dir_all(&programs).map_err(|e| format!("{}: {e}", programs.display()))?;
    Ok(Build { libraries, programs })
}

impl Build {
    /// Compiles and links one C or C++ file; gives the program's path.
    pub fn program(&self, source: &Path, linking: Linking, flags: &[&str]) -> Result<PathBuf, String> {
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        let kind = if flags.iter().any(|f| f.starts_with("-fsanitize")) { "_checked" } else { "" };
        let program = self.programs.join(format!("{stem}_{linking:?}{kind}").to_lowercase());
        let mut compile = compiler(source);
        compile.args(["-g", "-O1"]).args(flags).arg(source).arg("-o").arg(&program);
        match linking {
            Linking::Static => {
                compile.arg(self.libraries.join("libtrueline.a")).args(STATIC_LINK_LINE.split(' '));
                compile.arg(NO_EXECUTABLE_STACK);
            }
            Linking::Shared => {
                self.soname_link()?;
                compile.arg(format!("-L{}", self.libraries.display()));
                compile.args(["-ltrueline", "-lpthread"]);
                // DT_RPATH and not DT_RUNPATH: `cargo run` puts its own build folder into LD_LIBRARY_PATH, which comes
                // before the latter, and a library of another build may lie there.
                compile.arg(format!("-Wl,-rpath,{},--disable-new-dtags", self.libraries.display()));
            }
        }
        run(&mut compile)?;
        if linking == Linking::Shared && kind.is_empty() {
            self.loads_this_library(&program)?;
        }
        Ok(program)
    }

    /// Fails if the loader would give the program another libtrueline than this build's.
    fn loads_this_library(&self, program: &Path) -> Result<(), String> {
        let found = stdout(command("ldd").arg(program))?;
        let line = found.lines().find(|line| line.contains("libtrueline")).unwrap_or("no libtrueline at all");
        let wanted = self.libraries.join("libtrueline.so.0");
        if line.contains(&format!("=> {} ", wanted.display())) {
            return Ok(());
        }
        Err(format!("{} loads {}, not {}", program.display(), line.trim(), wanted.display()))
    }

    /// Compiles one file without linking.
    pub fn compiles(&self, source: &Path, flags: &[&str]) -> Result<(), String> {
        run(compiler(source).args(flags).arg("-c").arg(source).arg("-o").arg(self.programs.join("object.o")))
    }

    /// The shared library's soname, beside it, as an installer would make it.
    fn soname_link(&self) -> Result<(), String> {
        let link = self.libraries.join("libtrueline.so.0");
        if link.exists() {
            return Ok(());
        }
        std::os::unix::fs::symlink("libtrueline.so", &link).map_err(|e| format!("{}: {e}", link.display()))
    }
}

/// The system's C or C++ compiler with the project's warnings.
fn compiler(source: &Path) -> Command {
    let is_cpp = source.extension().is_some_and(|e| e == "cpp");
    let (variable, default) = if is_cpp { ("CXX", "c++") } else { ("CC", "cc") };
    let mut compile = command(env::var_os(variable).unwrap_or_else(|| default.into()));
    compile.args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
    compile.arg(format!("-I{}", root().join("include").display()));
    compile
}

/// The functions that the header declares.
fn declared() -> Result<BTreeSet<String>, String> {
    let path = root().join("include/trueline.h");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let functions = text.split("extern \"C\" {").nth(1).ok_or("the header has no extern \"C\"")?;
    let lines = functions.lines().filter(|l| !l.trim_start().starts_with(['*', '/']));
    let names = lines.filter_map(|line| {
        let before = line.split_once('(')?.0;
        let name = before.rsplit([' ', '*']).next()?;
        name.starts_with("tl_").then(|| name.to_owned())
    });
    Ok(names.collect())
}

/// Fails unless the shared library exports just what the header declares.
pub fn check_symbols(build: &Build) -> Result<(), String> {
    let listed =
        stdout(command("nm").args(["-D", "--defined-only"]).arg(build.libraries.join("libtrueline.so")))?;
    let exported: BTreeSet<String> =
        listed.lines().filter_map(|l| l.split(' ').nth(2)).map(str::to_owned).collect();
    let declared = declared()?;
    let missing: Vec<_> = declared.difference(&exported).collect();
    let extra: Vec<_> = exported.difference(&declared).collect();
    if missing.is_empty() && extra.is_empty() {
        println!("{} functions declared, the same ones exported", declared.len());
        return Ok(());
    }
    Err(format!("declared but not exported: {missing:?}; exported but not declared: {extra:?}"))
}

/// Fails unless every declared function is called by some C test.
pub fn check_exercised() -> Result<(), String> {
    let folder = root().join("ffi/tests/c");
    let mut text = String::new();
    for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?.flatten() {
        if entry.path().extension().is_some_and(|e| e == "c") {
            text +=
                &fs::read_to_string(entry.path()).map_err(|e| format!("{}: {e}", entry.path().display()))?;
        }
    }
    let declared = declared()?;
    let idle: Vec<_> = declared.iter().filter(|name| !text.contains(&format!("{name}("))).collect();
    if idle.is_empty() { Ok(()) } else { Err(format!("no C test calls {idle:?}")) }
}

/// Fails unless the documented link line is what the Rust compiler asks for.
///
/// It is asked of the slim library that was built for the other checks: `cargo rustc`, which takes one package alone, would give
/// what builds it other features, and compile all of it anew. That the line is enough for the full one is what the tests of the
/// static library show.
pub fn check_link_line() -> Result<(), String> {
    let built = slim::build()?.libraries;
    let source = built.join("c/link_line.rs");
    fs::write(&source, "extern crate trueline;\n").map_err(|e| format!("{}: {e}", source.display()))?;
    // The compiler beside the cargo that runs this: another one may come first in the path.
    let cargo = env::var_os("CARGO").map(PathBuf::from).unwrap_or_default();
    let beside = cargo.with_file_name("rustc");
    let mut ask = command(if beside.is_file() { beside.into_os_string() } else { "rustc".into() });
    ask.args(["--edition", "2024", "--crate-type", "staticlib", "--print", "native-static-libs"]);
    ask.arg("-L").arg(built.join("deps")).arg("--extern");
    let mut library = OsString::from("trueline=");
    library.push(built.join("libtrueline.rlib"));
    let done = output(ask.arg(library).arg("-o").arg(built.join("c/link_line.a")).arg(&source))?;
    let text = String::from_utf8_lossy(&done.stderr);
    let asked = text.lines().find_map(|l| l.split_once("native-static-libs: ").map(|(_, libs)| libs.trim()));
    let Some(asked) = asked else { return Err(format!("the compiler named no libraries:\n{text}")) };
    let mut seen = BTreeSet::new();
    let asked: Vec<&str> = asked.split(' ').filter(|l| seen.insert(*l)).collect();
    let documented: BTreeSet<&str> = STATIC_LINK_LINE.split(' ').collect();
    if documented != seen {
        return Err(format!(
            "the compiler asks for {}; the documented line is {STATIC_LINK_LINE}",
            asked.join(" ")
        ));
    }
    let readme = fs::read_to_string(root().join("README.md")).map_err(|e| format!("README.md: {e}"))?;
    let line = format!("{NO_EXECUTABLE_STACK} {STATIC_LINK_LINE}");
    if readme.contains(&line) {
        Ok(())
    } else {
        Err(format!("README.md does not state the link line {line}"))
    }
}

/// Fails if the shared library asks for an executable stack, which newer C libraries refuse to load.
pub fn check_stack(build: &Build) -> Result<(), String> {
    let listed = stdout(command("readelf").arg("-lW").arg(build.libraries.join("libtrueline.so")))?;
    let stack =
        listed.lines().find(|l| l.contains("GNU_STACK")).ok_or("libtrueline.so has no GNU_STACK header")?;
    if stack.contains("RWE") { Err("libtrueline.so asks for an executable stack".into()) } else { Ok(()) }
}
