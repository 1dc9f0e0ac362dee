"""The demuxers that ffmpeg may use: every container of video or sound, and nothing that refers to another file.

Left out of `ffmpeg -demuxers` on purpose: playlists and descriptions (hls, dash, imf, concat, sdp, rtp, rtsp, sap,
webm_dash_manifest, avisynth, dvdvideo, vobsub), images (image2, *_pipe), text and subtitles, devices, formats without
a signature (raw PCM, bin, xbin), and separate libraries for music modules (libgme, libopenmpt).
"""

# Video. A demuxer with several names (mov,mp4,...) is allowed by any of them.
_VIDEO = """
    mov mp4 m4a 3gp 3g2 mj2 matroska webm avi flv live_flv kux asf asf_o mpegts mpeg ogg rm ivr wtv nut mxf gxf lxf
    dv nsv nuv pva pmp ty vivo dhav ivf swf film_cpk filmstrip r3d lmlm4 moflex mgsts smjpeg xmv
"""
# Pictures without sound: listed, so that the error can say that there is no audio track.
_PICTURES = """
    av1 obu avs2 avs3 cavsvideo dirac dnxhd evc gif h261 h263 h264 hevc ipu m4v mjpeg mpegvideo vc1 vc1test vvc
    yuv4mpegpipe
"""
# Games and old computers.
_GAMES = """
    3dostr 4xm anm argo_asf argo_brp avs bethsoftvid bfi bink bmv c93 cdxl cine dfa dsicin dxa ea flic frm gdv hnm
    idcin iff ifv ipmovie iss iv8 jv luodat mm mods mtv mv mvi paf psxstr rl2 roq rpl sga siff smk smush sol thp
    tiertexseq usm vividas vmd wc3movie wsvqa yop
"""
# Sound.
_SOUND = """
    mp3 aac loas ac3 ac4 eac3 dts dtshd truehd mlp flac wav w64 aiff au caf amr amrnb amrwb ape wv tta tak mpc mpc8
    shn osq dsf oma aa aax aea voc vqf qcp gsm sox spdif s337m iamf bonk rka adx ast avr bfstm brstm boa codec2 daud
    dss epaf g729 hca hcom ilbc ircam lc3 lvf mmf msf mca nistsphere nsp pvf qoa rso sbc sds sdx svs svag txd vag
    vpk wsaud wve xa xvag xwma acm act ads afc aix apc apm binka genh kvag laf mtaf redspark rsd scd wady wavarc wsd
    xmd
"""
DEMUXERS = f"{_VIDEO} {_PICTURES} {_GAMES} {_SOUND}".split()
