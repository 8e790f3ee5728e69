# SPDX-License-Identifier: GPL-3.0-or-later
# timeline: one bar a migration, set-up, copying, switch-over and post-copy apart. Draws timeline.svg and
# timeline.png from timeline.csv, which `lockkeeper simulate --plots` writes; run it again with `gnuplot
# timeline.gp` in that folder. The colours are Okabe and Ito's; each phase has a thickness of its own as well.
# Up to ROWS_MOST migrations are named, more are thin lines.

set encoding utf8
set datafile separator ','
data = 'timeline.csv'
ROWS_MOST = 60
SEARCHED_MOST = 2000

grey = 0x555555
array fill[5] = [0x999999, 0x56B4E9, 0xD55E00, 0xCC79A7, 0xE69F00]
array half[5] = [0.14, 0.30, 0.42, 0.22, 0.30]
phases = 'set-up copying switch-over post-copy other'
phase(w) = w eq 'setup' || w eq 'set-up' ? 1 : w eq 'copying' ? 2 : w eq 'switch-over' ? 3 : \
    w eq 'post-copy' ? 4 : 5
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s
seconds(t) = t < 0.9995 ? sprintf('%.0f ms', t * 1000) : t < 99.95 ? sprintf('%.1f s', t) : \
    t < 600 ? sprintf('%.0f s', t) : t < 7200 ? sprintf('%.0f min', t / 60) : sprintf('%.1f h', t / 3600)

# How many lines, and when the last ends.
lines = 0
most_s = 0
tally(end) = (lines = lines + 1, end > most_s ? (most_s = end) : 0, lines)
set table $NOTHING
plot data skip 1 using (tally(column(6))) with table
unset table

# Which row each line belongs to: a migration's lines have the same VM and hosts, mostly one after another.
array row_of[lines + 1]
array begin_of[lines + 1]
array end_of[lines + 1]
array down_of[lines + 1]
array phase_seen[5] = [0, 0, 0, 0, 0]
rows = 0
completed = 0
row = 0
known = "\n"
key_before = ''
name_long = 6
path_long = 4
found(key) = (at = strstrt(known, "\n".key."\t"), at == 0 ? 0 : \
    int(real(known[at + strlen(key) + 2:at + strlen(key) + 12])))
row_new(key, name, path, begin, outcome) = (rows = rows + 1, begin_of[rows] = begin, end_of[rows] = begin, \
    down_of[rows] = 0, completed = completed + (outcome eq 'completed'), \
    name_long = strlen(name) > name_long ? strlen(name) : name_long, \
    path_long = strlen(path) > path_long ? strlen(path) : path_long, \
    rows <= SEARCHED_MOST ? (known = known.key."\t".sprintf("%d\n", rows)) : '', rows)
row_find(key, name, path, begin, outcome) = (row = key eq key_before ? row : found(key), \
    row = row > 0 ? row : row_new(key, name, path, begin, outcome), key_before = key, row)
line_add(i, key, name, path, p, begin, end, outcome) = ( \
    row_of[i] = row_find(key, name, path, begin, outcome), \
    end > end_of[row] ? (end_of[row] = end) : 0, phase_seen[p] = 1, \
    down_of[row] = down_of[row] + (p == 3 ? end - begin : 0), i)
set table $NOTHING
plot data skip 1 using (line_add(int($0) + 1, strcol(1).'>'.strcol(2).'>'.strcol(3), strcol(1), \
    strcol(2).' → '.strcol(3), phase(strcol(4)), column(5), column(6), strcol(7))) with table
unset table

named = rows <= ROWS_MOST
rows_high = named ? 24 * rows : 4 * rows < 900 ? 4 * rows : 900
name_most = name_long < 28 ? name_long : 28
path_most = path_long < 34 ? path_long : 34
left = named ? 20 + 8 * name_most + 16 + 8 * path_most + 12 : 90
top = 92
bottom = 56
wide = left + 900
high = rows == 0 ? 140 : top + rows_high + bottom

unit = most_s < 600 ? 's' : most_s < 7200 ? 'min' : 'h'
unit_s = most_s < 600 ? 1.0 : most_s < 7200 ? 60.0 : 3600.0
axis_most = most_s > 0 ? most_s / unit_s * (named ? 1.25 : 1.02) : 1.0
hair = named ? axis_most / 450 : 0
row_at(i) = row_of[int(i) + 1]
# A switch-over is short beside the rest, and what matters most.
visible(p, from, to) = p == 3 && to < from + hair ? from + hair : to
y(i) = row_at(i) - 1
thick(p) = named ? half[p] : 0.5
ends(i, end) = end >= end_of[row_at(i)]
result(i, outcome) = (outcome eq 'completed' ? '✓ ' : '✗ '.outcome.' after ').\
    seconds(end_of[row_at(i)] - begin_of[row_at(i)]).\
    (down_of[row_at(i)] > 0 ? sprintf(', down %s', seconds(down_of[row_at(i)])) : '')
first(i) = i == 0 || row_of[int(i)] != row_of[int(i) + 1]

title = rows == 0 ? 'No migration was run' : rows == 1 ? 'The migration over time' : 'Migrations over time'
counts = rows == 0 ? '' : sprintf('   %d completed%s', completed, \
    rows > completed ? sprintf(', %d not', rows - completed) : '')

unset key
unset ytics
set style fill solid 1.0 noborder

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'timeline.'.form
    set lmargin at screen real(left) / wide
    set rmargin at screen 1 - 20.0 / wide
    set tmargin at screen 1 - real(top) / high
    set bmargin at screen real(bottom) / high
    set label 1 title.counts at screen 20.0 / wide, screen 1 - 26.0 / high left font ',15'
    x = 20
    do for [p = 1:5] {
        if (phase_seen[p]) {
            set object p rectangle from screen real(x) / wide, screen 1 - (59.0 + 20 * half[p]) / high \
                to screen real(x + 34) / wide, screen 1 - (59.0 - 20 * half[p]) / high \
                fillcolor rgb fill[p] fillstyle solid 1.0 noborder
            set label 1 + p word(phases, p) at screen real(x + 42) / wide, screen 1 - 59.0 / high left
            x = x + 140
        }
    }
    if (rows == 0) {
        unset border
        unset xtics
        set xrange [0:1]
        set yrange [0:1]
        plot NaN
    } else {
        set border 1 linecolor rgb grey
        set xrange [0:axis_most]
        set yrange [rows - 0.5:-0.5]
        set xtics out nomirror scale 0.5 textcolor rgb grey
        set grid xtics back linecolor rgb 0xDDDDDD linetype 1
        set xlabel 'time since the start, '.unit textcolor rgb grey
        if (!named) {
            set ylabel sprintf('%d migrations, in the order of their start', rows) textcolor rgb grey
        }
        plot data skip 1 using (0):(0):($5 / unit_s): \
                (visible(phase(strcol(4)), $5 / unit_s, $6 / unit_s)): \
                (y($0) - thick(phase(strcol(4)))):(y($0) + thick(phase(strcol(4)))): \
                (fill[phase(strcol(4))]) with boxxyerror linecolor rgb variable, \
            '' skip 1 using (end_of[row_at($0)] / unit_s):(y($0)): \
                (named && ends($0, $6) ? '  '.result($0, strcol(7)) : '') with labels left, \
            '' skip 1 using (0):(y($0)):(named && first($0) ? cut(strcol(2).' → '.strcol(3), path_most).'  ' \
                : '') with labels right textcolor rgb grey, \
            '' skip 1 using (0):(y($0)):(named && first($0) ? cut(strcol(1), name_most) : '') \
                with labels left offset screen -(left - 20.0) / wide, 0
    }
    unset label
    unset object
    unset output
}
