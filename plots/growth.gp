# SPDX-License-Identifier: GPL-3.0-or-later
# growth: a cluster that fills month by month. Draws growth.svg and growth.png from growth.csv, which
# `lockkeeper capacity` writes with --growth and --plots; run it again with `gnuplot growth.gp` there.
# For each kind of VMs: those that are there, those that come, and the line up to which hosts can still go; a
# dashed one is a bound that nothing exceeds. What no longer fits is orange.

set encoding utf8
set datafile separator ','
data = 'growth.csv'
KINDS_MOST = 6
MOST = 1000000

grey = 0x555555
pale = 0xCCCCCC
blue = 0x56B4E9
orange = 0xD55E00
dark = 0x0072B2

kinds = 0
months = 0
last = ''
array name[KINDS_MOST]
array full[KINDS_MOST]
array most[KINDS_MOST]
larger(a, b) = a > b ? a : b
begin(vms) = vms eq last ? kinds : \
    (last = vms, kinds = kinds + 1, \
     kinds <= KINDS_MOST ? (name[kinds] = vms, full[kinds] = -1, most[kinds] = 1) : 0, kinds)
note(k, month, grown, lower, is_full) = k > KINDS_MOST ? 0 : \
    (most[k] = larger(most[k], larger(grown, lower)), \
     is_full && full[k] < 0 ? (full[k] = month) : 0, months = larger(months, month), k)
set table $NOTHING
plot data skip 1 using (note(begin(strcol(1)), int($2), $4, $5, int($7))) with table
unset table

shown = kinds < KINDS_MOST ? kinds : KINDS_MOST
each = 262
wide = 1000
high = 30 + each * shown + 20
per_kind = months + 1
title(k) = name[k].'   '.(full[k] < 0 ? sprintf('fits for %d months', months) : \
    full[k] == 1 ? 'full in the first month' : sprintf('full in month %d', full[k]))

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'growth.'.form
    set multiplot
    unset key
    set lmargin at screen 90.0 / wide
    set rmargin at screen (wide - 24.0) / wide
    set border 3 linecolor rgb grey
    set xrange [-0.6:months + 0.6]
    set xtics nomirror scale 0.5 textcolor rgb grey
    set ytics nomirror out scale 0.5 textcolor rgb grey
    set grid ytics back linecolor rgb 0xDDDDDD linetype 1
    set style fill solid 1.0 noborder
    set ylabel 'VMs' textcolor rgb grey
    do for [k = 1:shown] {
        top = 30 + each * (k - 1)
        set tmargin at screen 1 - real(top + 30) / high
        set bmargin at screen 1 - real(top + each - 42) / high
        set yrange [0:most[k] * 1.1]
        set label 1 title(k) at screen 20.0 / wide, screen 1 - (top + 8.0) / high left font ',13'
        if (k == shown) { set xlabel 'month' textcolor rgb grey }
        from = per_kind * (k - 1)
        plot data skip 1 every ::from::from + months using \
                2:4:($2 - 0.36):($2 + 0.36):($4 > $5 ? $5 : $3):4:($4 > $5 ? orange : blue) \
                with boxxyerror linecolor rgb variable, \
            '' skip 1 every ::from::from + months using \
                2:4:($2 - 0.36):($2 + 0.36):3:($4 > $5 ? $5 : $4) with boxxyerror linecolor rgb blue, \
            '' skip 1 every ::from::from + months using 2:3:($2 - 0.36):($2 + 0.36):(0):3 \
                with boxxyerror linecolor rgb pale, \
            '' skip 1 every ::from::from + months using 2:($6 > $5 && $6 < MOST ? $6 : NaN) with lines \
                linecolor rgb dark linewidth 1.5 dashtype 2, \
            '' skip 1 every ::from::from + months using 2:5 with lines linecolor rgb dark linewidth 2
        unset label 1
    }
    unset xlabel
    unset multiplot
    unset output
}
