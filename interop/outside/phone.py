"""A softphone: PJSIP behind a few commands, one a line on standard input. What happens is told one event a line.

usage: phone.py USER PASSWORD PROXY-PORT SIP-PORT MEDIA-PORT SAY.wav HEAR.wav [WORD...]

WORD: codecs=PCMU,G722 (in this order; every other codec is off), srtp (SDES, nothing else), early (183 with a
description before the answer), ring (180 and nothing more), busy (486).
Commands: call USER, answer, hold, resume, codecs NAMES (for the next offer), reinvite, speak, digits DIGITS, hangup,
quit. SAY.wav is spoken from the beginning when media flows first, after a hold of our own, and by speak.
"""

import os
import queue
import sys
import threading

import pjsua2 as pj

user, password, proxy, sip_port, media_port, say, hear = sys.argv[1:8]
words = sys.argv[8:]
# The bit that RTP/SAVP has and RTP/AVP has not.
SECURED = pj.PJMEDIA_TP_PROTO_RTP_SAVP & ~pj.PJMEDIA_TP_PROTO_RTP_AVP


def tell(*what):
    # In one write: the library's log goes to the same place from other threads, and stood between the words of an event.
    os.write(1, f"event {' '.join(map(str, what))}\n".encode())


class Call(pj.Call):
    speaking = None

    def onCallState(self, _):
        info = self.getInfo()
        tell("state", info.stateText, info.lastStatusCode)

    def onCallMediaState(self, _):
        # Its list of media lives as long as this does.
        info = self.getInfo()
        for media in info.media:
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            active = media.status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
            if active and media.dir != pj.PJMEDIA_DIR_NONE:
                stream = self.getStreamInfo(media.index)
                profile = "srtp" if stream.proto & SECURED else "rtp"
                self.connect(self.getAudioMedia(media.index))
                tell("media", media.dir, stream.codecName, stream.codecClockRate, profile)
            else:
                self.speaking = None
                tell("media", media.dir, "none")

    def connect(self, audio):
        self.audio = audio
        audio.startTransmit(recorder)
        if self.speaking is None:
            self.speak()
        else:
            self.speaking.startTransmit(audio)

    def speak(self):
        self.speaking = pj.AudioMediaPlayer()
        self.speaking.createPlayer(say, pj.PJMEDIA_FILE_NO_LOOP)
        self.speaking.startTransmit(self.audio)

    def onDtmfDigit(self, digit):
        tell("digit", digit.digit)


class Account(pj.Account):
    call = None

    def onRegState(self, state):
        tell("registered", state.code)

    def onIncomingCall(self, incoming):
        self.call = Call(self, incoming.callId)
        if "busy" in words:
            respond(self.call, 486)
        elif "early" in words:
            respond(self.call, 183)
        elif "ring" in words:
            respond(self.call, 180)
        else:
            respond(self.call, 200)


def respond(call, code):
    answer = pj.CallOpParam()
    answer.statusCode = code
    call.answer(answer)


def choose(names):
    """Codecs in this order, and no other."""
    wanted = names.split(",")
    for codec in endpoint.codecEnum2():
        name = codec.codecId.split("/")[0]
        priority = 250 - wanted.index(name) if name in wanted and "/44100" not in codec.codecId else 0
        endpoint.codecSetPriority(codec.codecId, priority)


def setting(name, default):
    return next((word.split("=", 1)[1] for word in words if word.startswith(name + "=")), default)


endpoint = pj.Endpoint()
endpoint.libCreate()
config = pj.EpConfig()
# Everything happens in this thread.
config.uaConfig.threadCnt = 0
config.uaConfig.mainThreadOnly = True
config.logConfig.level = 4
config.logConfig.consoleLevel = 4
config.medConfig.clockRate = 8000
config.medConfig.sndClockRate = 8000
config.medConfig.noVad = True
config.medConfig.ecTailLen = 0
config.medConfig.quality = 10
endpoint.libInit(config)
endpoint.audDevManager().setNullDev()
transport = pj.TransportConfig()
transport.port = int(sip_port)
transport.boundAddress = "127.0.0.1"
transport.publicAddress = "127.0.0.1"
endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
endpoint.libStart()
choose(setting("codecs", "PCMU"))

recorder = pj.AudioMediaRecorder()
recorder.createRecorder(hear)

account_config = pj.AccountConfig()
account_config.idUri = f"sip:{user}@127.0.0.1:{proxy}"
account_config.regConfig.registrarUri = f"sip:127.0.0.1:{proxy}"
account_config.regConfig.timeoutSec = 600
account_config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
account_config.mediaConfig.transportConfig.port = int(media_port)
account_config.mediaConfig.transportConfig.portRange = 20
account_config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
account_config.mediaConfig.transportConfig.publicAddress = "127.0.0.1"
account_config.natConfig.sipOutboundUse = 0
account_config.natConfig.contactRewriteUse = 0
account_config.natConfig.viaRewriteUse = 0
if "srtp" in words:
    account_config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
    account_config.mediaConfig.srtpSecureSignaling = 0
    keyings = pj.IntVector()
    keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
    account_config.mediaConfig.srtpOpt.keyings = keyings
account = Account()
account.create(account_config)



def carry_out(command, argument):
    parameters = pj.CallOpParam(True)
    if command == "call":
        account.call = Call(account)
        account.call.makeCall(f"sip:{argument}@127.0.0.1:{proxy}", parameters)
    elif command == "codecs":
        choose(argument)
    elif command == "answer":
        respond(account.call, 200)
    elif command == "hold":
        account.call.setHold(pj.CallOpParam())
    elif command == "resume":
        parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
        account.call.reinvite(parameters)
    elif command == "reinvite":
        account.call.reinvite(parameters)
    elif command == "speak":
        account.call.speak()
    elif command == "digits":
        account.call.dialDtmf(argument)
    elif command == "hangup":
        account.call.hangup(pj.CallOpParam())
    else:
        tell("unknown", command)


def read_commands():
    for line in sys.stdin:
        commands.put(line.strip())
    commands.put("quit")


commands = queue.SimpleQueue()
threading.Thread(target=read_commands, daemon=True).start()
while True:
    endpoint.libHandleEvents(10)
    if commands.empty():
        continue
    command, _, argument = commands.get().partition(" ")
    if command == "quit":
        break
    try:
        carry_out(command, argument)
    except pj.Error as error:
        tell("error", command, error.info())

account.shutdown()
del account, recorder
endpoint.libDestroy()
