//! What people say when they answer, and what their machines say, in five languages.

mod more;

pub use more::MORE;

/// Texts of a language.
pub struct Texts {
    pub language: &'static str,
    /// The language's name at espeak-ng.
    pub espeak: &'static str,
    /// A person's short greetings. Both parts have them, by different voices.
    pub hellos: [&'static str; 8],
    /// A person's greetings for a firm. Here and below a text is in one part only: every other one in the test part.
    pub firms: [&'static str; 4],
    /// A machine's greetings.
    pub greetings: [&'static str; 8],
    /// A machine's greetings of few words.
    pub notes: [&'static str; 4],
}

pub const TEXTS: [Texts; 5] = [
    Texts {
        language: "en",
        espeak: "en-us",
        hellos: [
            "Hello?",
            "Yes?",
            "Hello, Anna speaking.",
            "Smith.",
            "Good morning, this is Tom.",
            "Hi.",
            "Acme, John Miller.",
            "Hello, who is this?",
        ],
        firms: [
            "Good morning, Acme Tools, this is Tom, how may I help you?",
            "Thank you for calling Green's Flowers, Anna speaking.",
            "Doctor Brown's practice, Susan speaking, good afternoon.",
            "Hello, City Hotel reception, can I help you?",
        ],
        greetings: [
            "Hello. You have reached the voicemail of Peter Miller. Please leave a message after the tone.",
            "Hi, this is Anna. I cannot come to the phone right now. Leave your name and number and I will call you back.",
            "The person you are calling is not available. Please try again later.",
            "Thank you for calling. Our office is closed. Our hours are nine to five, Monday to Friday.",
            "Hey, it's Mike. You know what to do after the beep. Talk to you soon, and have a great day.",
            "The number you have dialled is not in service. Please check the number and dial again.",
            "Welcome to Northern Bank. For opening hours press one. For a new card press two.",
            "You have reached the Johnson family. Nobody is at home just now, so please tell us who called and when.",
        ],
        notes: [
            "Leave a message.",
            "Not here, speak after the beep.",
            "Please leave your message after the tone.",
            "Voicemail, go ahead.",
        ],
    },
    Texts {
        language: "es",
        espeak: "es",
        hellos: [
            "¿Hola?",
            "¿Sí?",
            "Diga.",
            "Hola, soy Ana.",
            "Buenos días, habla Carlos.",
            "¿Bueno?",
            "García.",
            "Hola, ¿quién es?",
        ],
        firms: [
            "Buenos días, Ferretería López, le atiende Tomás, ¿en qué puedo ayudarle?",
            "Gracias por llamar a Flores Verdes, le habla Ana.",
            "Consulta del doctor Moreno, buenas tardes, soy Susana.",
            "Hotel Central, recepción, ¿dígame?",
        ],
        greetings: [
            "Hola. Ha llamado al buzón de voz de Pedro García. Por favor, deje su mensaje después de la señal.",
            "Hola, soy Ana. Ahora no puedo atender el teléfono. Deje su nombre y su número y le llamaré.",
            "La persona a la que llama no está disponible. Por favor, inténtelo más tarde.",
            "Gracias por llamar. Nuestra oficina está cerrada. Nuestro horario es de nueve a cinco, de lunes a viernes.",
            "Hola, soy Miguel. Ya sabes qué hacer después de la señal. Hablamos pronto, que tengas un buen día.",
            "El número marcado no existe. Por favor, compruebe el número y marque de nuevo.",
            "Bienvenido al Banco del Norte. Para horarios pulse uno. Para una tarjeta nueva pulse dos.",
            "Ha llamado a la familia López. Ahora no estamos en casa, así que díganos quién llama y cuándo.",
        ],
        notes: [
            "Deje un mensaje.",
            "No estoy, hable después de la señal.",
            "Por favor, deje su mensaje tras el tono.",
            "Buzón de voz, adelante.",
        ],
    },
    Texts {
        language: "fr",
        espeak: "fr",
        hellos: [
            "Allô ?",
            "Oui ?",
            "Allô, c'est Anne.",
            "Bonjour.",
            "Bonjour, ici Thomas.",
            "Oui allô ?",
            "Dupont.",
            "Allô, qui est-ce ?",
        ],
        firms: [
            "Bonjour, Outillage Dupont, Thomas à l'appareil, que puis-je pour vous ?",
            "Merci d'appeler les Fleurs Vertes, c'est Anne.",
            "Cabinet du docteur Lebrun, Suzanne à votre écoute, bonjour.",
            "Hôtel Central, réception, bonjour, je vous écoute.",
        ],
        greetings: [
            "Bonjour. Vous êtes bien sur la messagerie de Pierre Dupont. Laissez un message après le signal sonore.",
            "Salut, c'est Anne. Je ne peux pas répondre pour le moment. Laissez votre nom et votre numéro.",
            "La personne que vous appelez n'est pas disponible. Veuillez rappeler plus tard.",
            "Merci de votre appel. Nos bureaux sont fermés. Nous sommes ouverts de neuf heures à dix-sept heures.",
            "Salut, c'est Michel. Tu sais quoi faire après le bip. À bientôt, et bonne journée.",
            "Le numéro que vous avez composé n'est pas attribué. Veuillez vérifier le numéro et recommencer.",
            "Bienvenue à la Banque du Nord. Pour les horaires, tapez un. Pour une nouvelle carte, tapez deux.",
            "Vous êtes chez la famille Martin. Nous sommes absents, dites-nous qui a appelé et quand.",
        ],
        notes: [
            "Laissez un message.",
            "Absent, parlez après le bip.",
            "Merci de laisser votre message après le signal.",
            "Messagerie, allez-y.",
        ],
    },
    Texts {
        language: "it",
        espeak: "it",
        hellos: [
            "Pronto?",
            "Sì?",
            "Pronto, sono Anna.",
            "Buongiorno.",
            "Buongiorno, parla Marco.",
            "Ciao.",
            "Rossi.",
            "Pronto, chi parla?",
        ],
        firms: [
            "Buongiorno, ferramenta Rossi, sono Tommaso, come posso aiutarla?",
            "Grazie per aver chiamato Fiori Verdi, parla Anna.",
            "Studio del dottor Bruni, buonasera, sono Susanna.",
            "Hotel Centrale, ricevimento, mi dica.",
        ],
        greetings: [
            "Salve. Risponde la segreteria di Pietro Rossi. Lasciate un messaggio dopo il segnale acustico.",
            "Ciao, sono Anna. In questo momento non posso rispondere. Lasciate nome e numero e vi richiamo.",
            "La persona chiamata non è al momento disponibile. Si prega di richiamare più tardi.",
            "Grazie per la chiamata. I nostri uffici sono chiusi. Siamo aperti dalle nove alle diciassette.",
            "Ciao, sono Michele. Sai cosa fare dopo il segnale. A presto, e buona giornata.",
            "Il numero selezionato è inesistente. Si prega di verificare il numero e di richiamare.",
            "Benvenuti alla Banca del Nord. Per gli orari premere uno. Per una nuova carta premere due.",
            "Risponde casa Bianchi. Adesso non siamo in casa, diteci chi ha chiamato e quando.",
        ],
        notes: [
            "Lasciate un messaggio.",
            "Non ci sono, parlate dopo il segnale.",
            "Si prega di lasciare un messaggio dopo il tono.",
            "Segreteria, dite pure.",
        ],
    },
    Texts {
        language: "ru",
        espeak: "ru",
        hellos: [
            "Алло?",
            "Да?",
            "Слушаю.",
            "Алло, это Анна.",
            "Добрый день, говорит Иван.",
            "Привет.",
            "Иванов.",
            "Алло, кто это?",
        ],
        firms: [
            "Доброе утро, магазин инструментов, меня зовут Антон, чем могу помочь?",
            "Спасибо за звонок, цветы Весна, это Анна.",
            "Кабинет доктора Смирнова, Светлана, добрый день.",
            "Гостиница Центральная, ресепшен, слушаю вас.",
        ],
        greetings: [
            "Здравствуйте. Вы позвонили Петру Иванову. Пожалуйста, оставьте сообщение после сигнала.",
            "Привет, это Анна. Сейчас я не могу подойти к телефону. Оставьте имя и номер, и я перезвоню.",
            "Абонент временно недоступен. Пожалуйста, перезвоните позднее.",
            "Спасибо за звонок. Наш офис закрыт. Мы работаем с девяти до пяти с понедельника по пятницу.",
            "Привет, это Михаил. Вы знаете, что делать после сигнала. До скорого, хорошего дня.",
            "Набранный номер не существует. Проверьте номер и наберите ещё раз.",
            "Добро пожаловать в Северный банк. Часы работы, нажмите один. Новая карта, нажмите два.",
            "Вы позвонили семье Петровых. Сейчас никого нет дома, скажите, кто звонил и когда.",
        ],
        notes: [
            "Оставьте сообщение.",
            "Меня нет, говорите после сигнала.",
            "Пожалуйста, оставьте сообщение после гудка.",
            "Автоответчик, говорите.",
        ],
    },
];
