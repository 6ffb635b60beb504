//! Synthesised greetings by espeak-ng and flite, kept in the build folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use mediapoint_codec::resample::Resampler;

use crate::prompts::{Recording, trimmed};
use crate::set::Part;

/// Voices of espeak-ng and flite by part: no voice is in both.
const ESPEAK: [(&str, Part); 8] = [
    ("+m1", Part::Tuning),
    ("+f2", Part::Tuning),
    ("+m7", Part::Tuning),
    ("+f1", Part::Tuning),
    ("+m3", Part::Test),
    ("+f4", Part::Test),
    ("+m5", Part::Test),
    ("+f5", Part::Test),
];
const FLITE: [(&str, Part); 4] =
    [("kal", Part::Tuning), ("rms", Part::Tuning), ("awb", Part::Test), ("slt", Part::Test)];

/// What people say when they answer, and what their machines say.
const TEXTS: [(&str, &str, [&str; 8], [&str; 4]); 5] = [
    (
        "en",
        "en-us",
        [
            "Hello?",
            "Yes?",
            "Hello, Anna speaking.",
            "Smith.",
            "Good morning, this is Tom.",
            "Hi.",
            "Acme, John Miller.",
            "Hello, who is this?",
        ],
        [
            "Hello. You have reached the voicemail of Peter Miller. Please leave a message after the tone.",
            "Hi, this is Anna. I cannot come to the phone right now. Leave your name and number and I will call you back.",
            "The person you are calling is not available. Please try again later.",
            "Thank you for calling. Our office is closed. Our hours are nine to five, Monday to Friday.",
        ],
    ),
    (
        "es",
        "es",
        [
            "¿Hola?",
            "¿Sí?",
            "Diga.",
            "Hola, soy Ana.",
            "Buenos días, habla Carlos.",
            "¿Bueno?",
            "García.",
            "Hola, ¿quién es?",
        ],
        [
            "Hola. Ha llamado al buzón de voz de Pedro García. Por favor, deje su mensaje después de la señal.",
            "Hola, soy Ana. Ahora no puedo atender el teléfono. Deje su nombre y su número y le llamaré.",
            "La persona a la que llama no está disponible. Por favor, inténtelo más tarde.",
            "Gracias por llamar. Nuestra oficina está cerrada. Nuestro horario es de nueve a cinco, de lunes a viernes.",
        ],
    ),
    (
        "fr",
        "fr",
        [
            "Allô ?",
            "Oui ?",
            "Allô, c'est Anne.",
            "Bonjour.",
            "Bonjour, ici Thomas.",
            "Oui allô ?",
            "Dupont.",
            "Allô, qui est-ce ?",
        ],
        [
            "Bonjour. Vous êtes bien sur la messagerie de Pierre Dupont. Laissez un message après le signal sonore.",
            "Salut, c'est Anne. Je ne peux pas répondre pour le moment. Laissez votre nom et votre numéro.",
            "La personne que vous appelez n'est pas disponible. Veuillez rappeler plus tard.",
            "Merci de votre appel. Nos bureaux sont fermés. Nous sommes ouverts de neuf heures à dix-sept heures.",
        ],
    ),
    (
        "it",
        "it",
        [
            "Pronto?",
            "Sì?",
            "Pronto, sono Anna.",
            "Buongiorno.",
            "Buongiorno, parla Marco.",
            "Ciao.",
            "Rossi.",
            "Pronto, chi parla?",
        ],
        [
            "Salve. Risponde la segreteria di Pietro Rossi. Lasciate un messaggio dopo il segnale acustico.",
            "Ciao, sono Anna. In questo momento non posso rispondere. Lasciate nome e numero e vi richiamo.",
            "La persona chiamata non è al momento disponibile. Si prega di richiamare più tardi.",
            "Grazie per la chiamata. I nostri uffici sono chiusi. Siamo aperti dalle nove alle diciassette.",
        ],
    ),
    (
        "ru",
        "ru",
        [
            "Алло?",
            "Да?",
            "Слушаю.",
            "Алло, это Анна.",
            "Добрый день, говорит Иван.",
            "Привет.",
            "Иванов.",
            "Алло, кто это?",
        ],
        [
            "Здравствуйте. Вы позвонили Петру Иванову. Пожалуйста, оставьте сообщение после сигнала.",
            "Привет, это Анна. Сейчас я не могу подойти к телефону. Оставьте имя и номер, и я перезвоню.",
            "Абонент временно недоступен. Пожалуйста, перезвоните позднее.",
            "Спасибо за звонок. Наш офис закрыт. Мы работаем с девяти до пяти с понедельника по пятницу.",
        ],
    ),
];

/// A synthesised text: what it is, its part and its sound.
pub struct Spoken {
    pub machine: bool,
    pub part: Part,
    pub sound: Recording,
}

/// Every text by every voice of its language whose program is installed.
pub fn all(folder: &Path) -> Vec<Spoken> {
    let mut out = Vec::new();
    for (language, espeak, hellos, greetings) in TEXTS {
        for (voice, part) in ESPEAK {
            let full = format!("{espeak}{voice}");
            speak(&mut out, folder, language, ("espeak-ng", &full), part, (&hellos, &greetings));
        }
        if language == "en" {
            for (voice, part) in FLITE {
                speak(&mut out, folder, language, ("flite", voice), part, (&hellos, &greetings));
            }
        }
    }
    out
}

fn speak(
    out: &mut Vec<Spoken>,
    folder: &Path,
    language: &'static str,
    (program, voice): (&str, &str),
    part: Part,
    (hellos, greetings): (&[&str], &[&str]),
) {
    let texts = hellos.iter().map(|text| (false, text)).chain(greetings.iter().map(|text| (true, text)));
    for (index, (machine, text)) in texts.enumerate() {
        // A greeting is in one part, whoever says it.
        if machine && (index % 2 == 0) != (part == Part::Test) {
            continue;
        }
        let file = folder.join(format!("{program}-{voice}-{index}.wav"));
        if let Some(pcm) = sound(&file, program, voice, text) {
            let name = format!("{program}-{language}-{index}");
            let sound = Recording { name, language, voice: voice.to_owned(), pcm };
            out.push(Spoken { machine, part, sound });
        }
    }
}

fn sound(file: &PathBuf, program: &str, voice: &str, text: &str) -> Option<Vec<f64>> {
    if !file.exists() {
        let mut command = Command::new(program);
        if program == "flite" {
            command.args(["-voice", voice, "-t", text, "-o"]).arg(file);
        } else {
            command.args(["-v", voice, "-s", "165", "-w"]).arg(file).arg(text);
        }
        if !command.status().is_ok_and(|status| status.success()) {
            return None;
        }
    }
    let mut reader = hound::WavReader::open(file).ok()?;
    let rate = reader.spec().sample_rate;
    let pcm: Vec<i16> = reader.samples::<i16>().flatten().collect();
    // 22.05 kHz as 22 kHz, and 16 kHz: a voice that is 0.2 % higher is as good a voice.
    let pcm = if rate == 22_050 { decimate(&pcm, 8000.0 / 22_050.0) } else { resample(&pcm, rate) };
    Some(trimmed(&pcm))
}

fn resample(pcm: &[i16], rate: u32) -> Vec<f64> {
    if rate == 8000 {
        return pcm.iter().map(|&sample| f64::from(sample)).collect();
    }
    let Ok(mut resampler) = Resampler::new(rate, 8000) else {
        return decimate(pcm, 8000.0 / f64::from(rate));
    };
    let mut out = vec![0; pcm.len() + 960];
    let mut written = 0;
    for chunk in pcm.chunks(160) {
        written += resampler.process(chunk, &mut out[written..]);
    }
    out[..written].iter().map(|&sample| f64::from(sample)).collect()
}

/// Band-limited interpolation by a windowed sinc of 32 zero crossings.
fn decimate(pcm: &[i16], ratio: f64) -> Vec<f64> {
    let half = (16.0 / ratio) as isize;
    (0..(pcm.len() as f64 * ratio) as usize)
        .map(|at| {
            let centre = at as f64 / ratio;
            let from = centre.floor() as isize - half;
            (from..=from + 2 * half)
                .filter_map(|index| {
                    let sample = *pcm.get(usize::try_from(index).ok()?)?;
                    let x = (index as f64 - centre) * ratio * 0.95;
                    let angle = std::f64::consts::PI * x;
                    let sinc = if x.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
                    let window = 0.5 + 0.5 * (angle / 16.0).cos();
                    (x.abs() < 16.0).then_some(f64::from(sample) * sinc * window * ratio * 0.95)
                })
                .sum()
        })
        .collect()
}
